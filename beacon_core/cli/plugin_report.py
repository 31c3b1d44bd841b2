"""What `beacon plugins check` has found out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import beacon_core

Result: TypeAlias = Literal["holds", "does not hold", "not checked"]

#: Where the contracts are. They are not imported here: they are for tests, and need pytest.
TESTING = Path(beacon_core.__file__).parent / "testing"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what ought to hold, as a sentence.
        result: whether it does.
        why: what is wrong and what to do about it, or why it was not checked; empty if it holds.
    """

    name: str
    result: Result
    why: str = ""


@dataclass(slots=True)
class Report:
    """Everything about a distribution.

    Attributes:
        distribution: its name.
        version: its version.
        parts: the checks by what they are about: the distribution, and each of its components.
        complete: False if the contracts were not run because pytest is missing.
    """

    distribution: str
    version: str
    parts: dict[str, list[Check]] = field(default_factory=dict)
    complete: bool = True

    @property
    def checks(self) -> list[Check]:
        """The checks of all parts."""
        return [check for checks in self.parts.values() for check in checks]

    @property
    def holds(self) -> bool:
        """Whether everything holds that was checked."""
        return all(check.result != "does not hold" for check in self.checks)


def outcome(name: str, problems: Iterable[str], todo: str) -> Check:
    """Return a check that holds if there are no problems; `todo` says what to do about them."""
    found = list(problems)
    return Check(name, "does not hold", "\n".join([*found, todo])) if found else Check(name, "holds")
