"""What a GitHub runner does with GITHUB_ENV between two steps, and how it runs a composite action's scripts.

After `FileCommandManager` of actions/runner: `NAME=value`, or `NAME<<DELIMITER`, lines, `DELIMITER`; anything else is
an error that fails the step.
"""

from __future__ import annotations

from collections.abc import Iterator


class BadEnvFileError(Exception):
    """The runner fails a step with such a file."""


def read_github_env(text: str) -> dict[str, str]:
    """Return the variables that a runner on Linux reads; later lines win."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else [])
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, value = line.partition("=")
        elif heredoc >= 0:
            name, _, delimiter = line.partition("<<")
            if not delimiter:
                raise BadEnvFileError(f"no delimiter: {line!r}")
            value = _until(delimiter, lines)
        else:
            raise BadEnvFileError(f"neither form: {line!r}")
        if not name:
            raise BadEnvFileError(f"no name: {line!r}")
        found[name] = value
    return found


def _until(delimiter: str, lines: Iterator[str]) -> str:
    parts: list[str] = []
    for line in lines:
        if line == delimiter:
            return "\n".join(parts)
        parts.append(line)
    raise BadEnvFileError(f"the delimiter {delimiter} does not come")
