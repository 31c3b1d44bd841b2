"""A `CODEX_HOME` for Codex, whose telemetry only its `config.toml` can switch on (agents.md 3 and 7.2).

The folder holds the user's own configuration with the table `[otel]` replaced. The user's folder is only read:

* configuration (`AGENTS.md`, `prompts`, `rules`, whatever else is not state) is copied, as Codex may write to it;
* credentials are linked, not copied. A link holds no secret that could be left behind on the disk, and there is one
  `auth.json` only: Codex renews its tokens in place, and a refresh token is good for one use, so that a renewed copy
  would sign the user's own out. Where links cannot be made (Windows without the right to), it is a copy with mode 0600,
  in this folder of mode 0700;
* state (sessions, history, logs, caches) is left where it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from beacon_core.errors import BeaconError
from beacon_core.files import write_private

FOLDER = "codex"
CONFIG = "config.toml"

#: What may hold credentials: linked.
CREDENTIALS = ("auth.json", ".credentials.json")

#: What is state, as patterns of names: left where it is.
STATE = (
    *("sessions", "archived_sessions", "history.jsonl", "shell_snapshots", "worktrees", "models_cache.json"),
    *("cache", "log", "logs", "tmp", ".tmp", "*-locks", "*.log", "*.lock", "*.sock", "*.sqlite*", "*.db", "*.db-*"),
)

#: Bytes and files that are copied at most; what lies in a user's folder is not ours to know.
MAX_BYTES = 16 << 20
MAX_FILES = 2000

_MARK = ".beacon.json"  # what the job's CODEX_HOME was, and what Beacon made here


class CodexHomeError(BeaconError):
    """The folder cannot be made; Codex is left with its own."""


class CodexHome(NamedTuple):
    """The folder that was made, and what the user should know."""

    path: Path
    warnings: tuple[str, ...]


def make_codex_home(
    base_dir: Path, base: Mapping[str, str], endpoint: str, *, log_prompts: bool, traces: bool
) -> CodexHome:
    """Make the folder `codex` in `base_dir`, or bring the one of an earlier start up to date.

    Args:
        base_dir: an existing folder of mode 0700.
        base: the job's environment, for its `CODEX_HOME` and `HOME`.
        endpoint: where Beacon listens, without a slash at the end.
        log_prompts: have Codex send the text of prompts.
        traces: have it send spans.

    Raises:
        CodexHomeError: the user's configuration cannot be read, or the folder cannot be written.
    """
    folder = base_dir / FOLDER
    given = _given(base.get("CODEX_HOME", ""), folder)
    original = Path(os.path.abspath(given)) if given else _home(base) / ".codex"  # noqa: PTH100 - as it is, links and all
    config = _read_config(original / CONFIG) | {"otel": otel_table(endpoint, log_prompts=log_prompts, traces=traces)}
    import tomli_w  # noqa: PLC0415 - only for Codex

    if os.path.lexists(folder) and _mark(folder) is None and not _is_empty(folder):
        raise CodexHomeError(f"{folder} is there already and was not made by Beacon; give another --base-dir")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        _write_mark(folder, given, [])
        write_private(folder / CONFIG, tomli_w.dumps(config).encode())
        made, warnings = _carry_over(original, folder)
        _write_mark(folder, given, [CONFIG, *made])
    except OSError as error:
        raise CodexHomeError(f"{error.filename or folder} cannot be copied or written: {error.strerror}") from None
    return CodexHome(folder, tuple(warnings))


def otel_table(endpoint: str, *, log_prompts: bool, traces: bool) -> dict[str, Any]:
    """Return Codex's table `[otel]`. Every exporter is named: the default of one is the vendor."""

    def exporter(signal: str) -> dict[str, Any]:
        return {"otlp-http": {"endpoint": f"{endpoint}/v1/{signal}", "protocol": "binary"}}

    return {
        "environment": "ci",
        "log_user_prompt": log_prompts,
        "exporter": exporter("logs"),
        "metrics_exporter": exporter("metrics"),
        "trace_exporter": exporter("traces") if traces else "none",
    }


def original_codex_home(base_dir: Path) -> str | None:
    """Return the job's own `CODEX_HOME`, empty if it had none; None if no folder was made in `base_dir`."""
    mark = _mark(base_dir / FOLDER)
    return None if mark is None else mark[0]


def delete_codex_home(base_dir: Path) -> None:
    """Delete what Beacon made for Codex, by name, and the folders that are empty then; Codex's own files stay.

    Raises:
        OSError: a file cannot be deleted.
    """
    folder = base_dir / FOLDER
    given = original_codex_home(base_dir)
    for path in made_files(base_dir):
        if path.is_symlink() or path.is_file():
            path.unlink()
        for parent in (path.parent, *path.parent.parents):
            if parent == base_dir or not parent.is_dir() or any(parent.iterdir()):
                break
            parent.rmdir()
    if given is not None and folder.exists():  # still Beacon's, with files of Codex in it
        _write_mark(folder, given, [])


def made_files(base_dir: Path) -> tuple[Path, ...]:
    """Return the files and links that Beacon made for Codex."""
    folder = base_dir / FOLDER
    mark = _mark(folder)
    if mark is None:
        return ()
    inside = folder.resolve()  # the list may have been edited: nothing outside of the folder, whatever it says
    found = (folder / name for name in (*mark[1], _MARK) if ".." not in Path(name).parts)
    return tuple(path for path in found if path.parent.is_dir() and path.parent.resolve().is_relative_to(inside))


def _given(value: str, folder: Path) -> str:
    """Return the job's own `CODEX_HOME`, also where `value` is a folder that an earlier start made."""
    mark = _mark(Path(value)) if value else None
    if mark is not None:
        return mark[0]
    return "" if value and os.path.realpath(value) == os.path.realpath(folder) else value


def _home(base: Mapping[str, str]) -> Path:
    given = base.get("HOME") or base.get("USERPROFILE")
    try:
        return Path(given) if given else Path.home()
    except RuntimeError:
        raise CodexHomeError("there is no home directory; set CODEX_HOME") from None


def _mark(folder: Path) -> tuple[str, list[str]] | None:
    """Return what is marked in a folder that Beacon made for this user; a checkout could bring a mark along."""
    path = folder / _MARK
    try:
        private = os.name != "posix" or (path.lstat().st_mode & 0o077 == 0 and path.lstat().st_uid == os.getuid())
        mark = json.loads(path.read_bytes()) if private and not folder.is_symlink() else {}
        return str(mark["given"]), [str(name) for name in mark["made"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_mark(folder: Path, given: str, made: list[str]) -> None:
    write_private(folder / _MARK, json.dumps({"given": given, "made": made}).encode())


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())


def _read_config(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - only for Codex

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise CodexHomeError(f"{path} is not TOML: {error}") from None
    except (OSError, ValueError) as error:
        raise CodexHomeError(f"{path} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8 text')}") from None


def _carry_over(original: Path, folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of what was linked or copied, and warnings."""
    made = [each for each in CREDENTIALS if (original / each).is_file() and _link(original / each, folder / each)]
    warnings: list[str] = []
    files = size = 0
    for name in _configuration(original):
        source, target = original / name, folder / name
        if source.is_dir():
            made += [name] if _link(source, target) else []
            continue
        files, size = files + 1, size + source.stat().st_size
        if files > MAX_FILES or size > MAX_BYTES:
            warnings.append(f"{original} is too large to be copied for Codex; {name} and what follows is left out")
            break
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(target, source.read_bytes())
        target.chmod(0o700 if os.access(source, os.X_OK) else 0o600)
        made.append(name)
    return made, warnings


def _configuration(original: Path) -> Iterator[str]:
    """Yield the names of files and of links to folders that are neither credentials nor state."""
    for parent, folders, files in os.walk(original):
        top = parent == str(original)
        folders[:] = sorted(name for name in folders if not (top and _is_state(name)))
        for name in sorted(folders):
            if Path(parent, name).is_symlink():
                yield str(Path(parent, name).relative_to(original))
        for name in sorted(files):
            path = Path(parent, name)
            carried = not top or not (name in {CONFIG, _MARK, *CREDENTIALS} or _is_state(name))
            if carried and path.is_file() and os.access(path, os.R_OK):
                yield str(path.relative_to(original))


def _is_state(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in STATE)


def _link(source: Path, target: Path) -> bool:
    """Make a link, or a copy where there are none; return False if Codex has put a file of its own there."""
    if target.is_symlink():
        target.unlink()
    if target.exists():
        return False
    try:
        target.symlink_to(source.resolve())
    except (OSError, NotImplementedError):
        if source.is_dir():
            return False
        write_private(target, source.read_bytes())
    return True
