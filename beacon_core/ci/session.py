"""The state of a session, as `start` writes it and `stop` finds it: `session.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from beacon_core.errors import BeaconError
from beacon_core.files import write_private

VERSION = 1


class StateError(BeaconError):
    """A state file that cannot be read; nothing is signalled or deleted on its word."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """What is known about a session ([C4]). Holds no token: names of variables only.

    Attributes:
        base_dir: absolute, as the others.
        log_path: what the pipeline's file exporter writes.
        state_path: this file.
        pid: of the sidecar.
        pid_start_time: when that process began, in seconds since 1970; with the executable it tells the process from a
            later one that has got the same number.
        boot_time: when the machine was booted, as far as the start time was computed from that.
        executable: the program that it runs.
        nonce: a random text that the sidecar had to give back.
        endpoints: URLs by protocol: `http`, `grpc`.
        harnesses: the agents that were asked for.
        content: the content level: `metadata`, `redacted` or `full`.
        started_at: RFC 3339 in UTC with microseconds.
        run: the CI run: `id` (Beacon's own), `provider`, `run_id` and what else is known.
        forward: `splunk` or `datadog`, None if events stay here.
        forward_endpoint: where to, None if that is the destination's default.
        exported_env: names of the variables that were exported to later steps.
        log_offset: bytes that the log had before the session.
        spool_dir: where to put what could not be delivered.
        stopped_at: when the session ended, None as long as nobody has ended it.
    """

    version: int = VERSION
    base_dir: str
    log_path: str
    state_path: str
    pid: int
    pid_start_time: float
    boot_time: float = 0.0
    executable: str
    nonce: str = ""
    endpoints: dict[str, str]
    harnesses: list[str]
    content: str = "redacted"
    started_at: str
    run: dict[str, str] = field(default_factory=dict)
    forward: str | None = None
    forward_endpoint: str | None = None
    exported_env: list[str] = field(default_factory=list)
    log_offset: int = 0
    spool_dir: str | None = None
    stopped_at: str | None = None

    def write(self) -> None:
        """Write the state, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        write_private(Path(self.state_path), (json.dumps(asdict(self), indent=2) + "\n").encode())


def read_session(path: Path) -> Session | None:
    """Return the state in a file; None if there is no such file.

    Raises:
        StateError: it is not a state that this version wrote, or it was changed so that it makes no sense.
    """
    try:
        found: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        raise StateError(f"{path} cannot be read: {reason}; end the sidecar by hand and delete the file") from None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise StateError(f"{path} was not written by this version of Beacon; stop the session with the one that did")
    return _checked(path, found)


def _checked(path: Path, found: dict[str, Any]) -> Session:
    known = {each.name: each.type for each in fields(Session)}
    wrong = [name for name, value in found.items() if name in known and not _fits(value, str(known[name]))]
    if found.get("pid") in (0, 1):  # to signal 0 is to signal ourselves
        wrong.append("pid")
    try:
        session = Session(**{name: value for name, value in found.items() if name in known})
    except TypeError:
        wrong.append("a member that is missing")
    if wrong:
        raise StateError(f"{path} was changed: {', '.join(wrong)}; end the sidecar by hand and delete the file")
    return session


def _fits(value: Any, declared: str) -> bool:
    match declared.partition("[")[0]:
        case "int":
            return type(value) is int and value >= 0
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "str":
            return isinstance(value, str)
        case "list":
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        case "dict":
            return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
    return value is None or isinstance(value, str)  # str | None
