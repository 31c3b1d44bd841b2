"""The processors do not need each other: any of them works alone, and any order of them works."""

from __future__ import annotations

import subprocess
import sys
from itertools import permutations

import pytest

from beacon_core import Batch, Host, encode_batch
from beacon_core.plugins import load
from beacon_core.testing import make_batch

NAMES = ("canonicalize", "fingerprint", "sanitize")
ORDERS = [order for length in (1, 2, 3) for order in permutations(NAMES, length)]
SECRET = "ghp_" + "a1B2" * 9


def prompt() -> Batch:
    attributes = {"event.name": "user_prompt", "prompt": f"use {SECRET} please"}
    return make_batch(1, name="", body=None, attributes=attributes, resource={"service.name": "claude-code"})


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_each_does_its_part_whatever_else_there_is(order: tuple[str, ...]) -> None:
    batch = prompt()
    for name in order:
        kind = load("processors", name)
        processor = kind(kind.config_class())
        processor.start(Host(name))
        batch = processor.process(batch)  # type: ignore[attr-defined]
        processor.shutdown(1)
    (event,) = batch
    assert (event.name == "prompt.submitted") is ("canonicalize" in order)
    assert ("beacon.fingerprint" in event.resource) is ("fingerprint" in order)
    assert (SECRET.encode() not in encode_batch(batch)) is ("sanitize" in order)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_loaded_without_the_others(name: str) -> None:
    program = (
        "import sys\n"
        "from beacon_core import Host\n"
        "from beacon_core.plugins import load\n"
        f"kind = load('processors', {name!r})\n"
        f"kind(kind.config_class()).start(Host({name!r}))\n"
        "print(*sorted({n.split('.')[2] for n in sys.modules if n.startswith('beacon_core.processors.')}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [name]
