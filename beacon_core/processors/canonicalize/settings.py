"""What the processor's options say about events of agents, as those need it who make normalized events."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from beacon_core.processors.canonicalize.usage import CountedKinds


class Settings(NamedTuple):
    """The options, ready for use.

    Attributes:
        keep_original: keep names and values that were replaced.
        keep_raw: keep what no rule takes.
        keep_noise: keep events that say nothing of use.
        key: the key for hashes, empty if there is none.
        kinds: what counts usage where no table says it; None: nothing does.
        correct: called with how many negative numbers of tokens were set to 0.
        unknown: called with the name of a log event that no line of its agent's tables has, once for each name.
    """

    keep_original: bool = False
    keep_raw: bool = True
    keep_noise: bool = False
    key: bytes = b""
    kinds: CountedKinds | None = None
    correct: Callable[[int], None] | None = None
    unknown: Callable[[str], None] | None = None
