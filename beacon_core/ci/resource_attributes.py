"""`OTEL_RESOURCE_ATTRIBUTES`: what the job says, with the attributes of the run added (behaviours C15).

The format is that of OpenTelemetry's resource SDK: `name=value,name=value`, values percent-encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

#: Names in one variable; versions 2.1.161 to 2.1.191 of Claude Code stop all metrics above that (agents.md 2.1).
MAX_NAMES = 12

#: Characters of a name or an encoded value; OpenTelemetry for JavaScript drops every attribute if one is longer.
MAX_LENGTH = 255

#: What is Beacon's own: written anew by every start.
OWN = "beacon.run."

_RUN_ID = "beacon.run.id"
# baggage-octet of W3C Baggage, but `%` only before an encoded octet, and no `=`, at which some SDKs split
_PLAIN = re.compile(r"(?:[!#-$&-+\--:<>-\[\]-~]|%[0-9A-Fa-f]{2})*")
_UNENCODED = "/:"


class Merged(NamedTuple):
    """A value of the variable.

    Attributes:
        text: it; empty if there is nothing to say.
        warnings: what is wrong with the job's part of it; no values.
    """

    text: str
    warnings: tuple[str, ...]


def merge(given: str, run: Mapping[str, str]) -> Merged:
    """Return the job's attributes and those of the run.

    The job's come first and win, except over `beacon.run.*`. No name is there twice. If there are more than
    `MAX_NAMES`, the run's give way: first `beacon.run.*`, last `beacon.run.id`, which Beacon adds to resources itself.

    Args:
        given: the job's value, possibly from an earlier start.
        run: name -> value, not encoded, the most important first.
    """
    warnings: list[str] = []
    own = {name: value for name, value in _read(given, warnings) if not name.startswith(OWN)}
    if len(own) > MAX_NAMES:
        warnings.append(
            f"OTEL_RESOURCE_ATTRIBUTES has {len(own)} names: some versions of Claude Code stop all metrics above "
            f"{MAX_NAMES}"
        )
    encoded = {name: encode(value) for name, value in run.items() if name not in own and value}
    fitting = sorted((name for name in encoded if len(encoded[name]) <= MAX_LENGTH), key=_importance)
    added = sorted(fitting[: max(MAX_NAMES - len(own), 0)], key=lambda name: name.startswith(OWN))
    pairs = own | {name: encoded[name] for name in added}
    return Merged(",".join(f"{name}={value}" for name, value in pairs.items()), tuple(warnings))


def encode(value: str) -> str:
    """Return a value as it stands in the variable; every SDK decodes it to `value`."""
    return quote(value, safe=_UNENCODED, errors="replace")


def _importance(name: str) -> int:
    return 0 if name == _RUN_ID else 2 if name.startswith(OWN) else 1


def _read(given: str, warnings: list[str]) -> Iterator[tuple[str, str]]:
    """Yield names and encoded values of the job; what SDKs read differently is encoded as the format says."""
    for number, item in enumerate(given.split(","), 1):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not item.strip():
            continue
        if not equals or not 0 < len(name) <= MAX_LENGTH or not _PLAIN.fullmatch(name):
            warnings.append(f"OTEL_RESOURCE_ATTRIBUTES: part {number} is not name=value and is left out")
            continue
        value = value if _is_encoded(value) else encode(unquote(value))
        if len(value) > MAX_LENGTH:
            warnings.append(
                f"OTEL_RESOURCE_ATTRIBUTES: the value of part {number} has more than {MAX_LENGTH} characters: "
                "agents that use OpenTelemetry for JavaScript drop every attribute"
            )
        yield name, value


def _is_encoded(value: str) -> bool:
    try:
        unquote(value, errors="strict")
    except UnicodeDecodeError:
        return False
    return _PLAIN.fullmatch(value) is not None
