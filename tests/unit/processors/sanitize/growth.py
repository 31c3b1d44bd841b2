"""Measures how work grows with its input, on a machine that does other things, too."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

#: What doubling the input may multiply the time by (acceptance of S7).
BOUND = 2.2

_Input = TypeVar("_Input")


def cost(work: Callable[[_Input], object], inputs: Sequence[_Input], repetitions: int = 1) -> float:
    """Return the least seconds of processor time that `work` takes for all inputs."""
    collecting = gc.isenabled()
    gc.disable()  # what it costs depends on everything else that is in memory
    try:
        return min(_once(work, inputs) for _ in range(repetitions))
    finally:
        if collecting:
            gc.enable()


def _once(work: Callable[[_Input], object], inputs: Sequence[_Input]) -> float:
    begin = time.process_time()
    for each in inputs:
        work(each)
    return time.process_time() - begin


def growth(
    work: Callable[[_Input], object],
    makers: Sequence[Callable[[int], _Input]],
    size: int,
    *,
    doublings: int = 6,
) -> float:
    """Return by what doubling the inputs of `work` multiplies its time: the least of several measurements.

    What exceeds `BOUND` is measured again with inputs twice as large, and more often: noise goes away then, and what
    grows faster than its input shows the more.

    Args:
        work: what is measured.
        makers: make its inputs, by their size.
        size: of the smallest inputs.
        doublings: how many sizes are tried at most.
    """
    ratio = float("inf")
    for number in range(doublings):
        smaller = cost(work, [make(size) for make in makers], 2 + number)
        larger = cost(work, [make(2 * size) for make in makers], 2 + number)
        ratio = min(ratio, larger / max(smaller, 1e-9))
        if ratio <= BOUND:
            break
        size *= 2
    return ratio
