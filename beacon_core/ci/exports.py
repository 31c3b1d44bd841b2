"""Hands an environment to later steps: GITHUB_ENV, a dotenv file, or text for a shell (behaviours C13)."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from beacon_core.ci.environment import AgentEnvironment
from beacon_core.errors import BeaconError
from beacon_core.files import PRIVATE, write_private

TextFormat = Literal["sh", "dotenv", "json"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# read alike by a shell, by GitLab's reports of kind dotenv, which know no quotes, and by docker run --env-file
_PLAIN = re.compile(r"[\w@%+=:,./-]*", re.ASCII)


class EnvironmentFileError(BeaconError):
    """A variable could not be handed on. The file is as it was."""


def export_environment(
    values: Mapping[str, str], *, github_env: Path | None = None, env_file: Path | None = None
) -> tuple[str, ...]:
    """Write variables to the files that a CI hands to later steps; return their names.

    Args:
        values: `AgentEnvironment.exported`, or what `neutralized` returns.
        github_env: the file that `GITHUB_ENV` names: lines are added.
        env_file: a dotenv file: lines of these variables are replaced, others stay.

    Raises:
        EnvironmentFileError: a file cannot be written, or a value cannot stand in it.
    """
    if env_file is not None:
        write_env_file(env_file, values)
    if github_env is not None:
        append_github_env(github_env, values)
    return tuple(values)


def append_github_env(path: Path, values: Mapping[str, str]) -> None:
    """Add variables to the file that GITHUB_ENV names: all of them, or none.

    Each stands between delimiters that nobody can guess, so that no value, whatever it contains, is read as another
    variable.

    Raises:
        EnvironmentFileError: as `export_environment`.
    """
    lines = b"".join(_between_delimiters(name, value) for name, value in _checked(values))
    try:
        # not created if missing: the runner would not read it
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "r+b", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            if before:
                file.seek(before - 1)
                lines = lines if file.read(1) == b"\n" else b"\n" + lines
            try:
                _write_all(file.fileno(), lines)
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(before)
                raise
    except OSError as error:
        raise EnvironmentFileError(f"GITHUB_ENV: {path} cannot be written: {error.strerror}") from None


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Set variables in a dotenv file, which only its owner can read if it is new.

    A shell can source it, GitLab can take it as a report, `docker run --env-file` can read it; values with blanks or
    quotes are quoted for the shell.

    Raises:
        EnvironmentFileError: as `export_environment`; also a value with a line break, which GitLab would take for
            another variable.
    """
    own = _dotenv(values)
    try:
        old = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n") if path.exists() else []
        kept = [line for line in old if line and line.removeprefix("export ").partition("=")[0].strip() not in values]
        content = "".join(f"{line}\n" for line in (*kept, *own)).encode("utf-8", "surrogateescape")
        mode = path.stat().st_mode & 0o777 if old else PRIVATE
        write_private(path, content)
        path.chmod(mode)
    except OSError as error:
        raise EnvironmentFileError(f"{path} cannot be written: {error.strerror}") from None


def as_text(environment: AgentEnvironment, form: TextFormat) -> str:
    """Return an environment for a shell to evaluate, as dotenv lines, or as JSON for programs.

    Raises:
        EnvironmentFileError: a value with a line break, in dotenv.
    """
    if form == "json":
        described = {"set": dict(environment.set), "unset": sorted(environment.unset), "warnings": environment.warnings}
        return json.dumps(described, indent=2) + "\n"
    if form == "dotenv":
        return "".join(f"{line}\n" for line in _dotenv(environment.exported))
    unset = [f"unset {' '.join(sorted(environment.unset))}"] if environment.unset else []
    exports = [f"export {name}={shlex.quote(value)}" for name, value in _checked(environment.set)]
    return "".join(f"{line}\n" for line in (*unset, *exports))


def _checked(values: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if not _NAME.fullmatch(name):
            raise EnvironmentFileError(f"{name!r} is no name of a variable")
        if "\0" in value:
            raise EnvironmentFileError(f"{name} has a null character, which no environment can hold")
        yield name, value


def _between_delimiters(name: str, value: str) -> bytes:
    delimiter = f"beacon_{os.urandom(16).hex()}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n".encode("utf-8", "surrogateescape")


def _dotenv(values: Mapping[str, str]) -> list[str]:
    lines = []
    for name, value in _checked(values):
        if "\n" in value or "\r" in value:
            raise EnvironmentFileError(f"{name} has a line break, which a dotenv file cannot hold; take it out")
        lines.append(f"{name}={value if _PLAIN.fullmatch(value) else shlex.quote(value)}")
    return lines


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
