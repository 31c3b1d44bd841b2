"""Whether telemetry may be collected: one function decides, and `telemetry status` explains with what it says.

The choice of a user is kept in `consent.json` in the application's configuration directory (see `places`), which is a
JSON object: `{"version": 1, "enabled": false, "changed_at": "2026-11-20T12:00:00Z"}`. A file that is there and cannot
be read or understood counts as no: somebody has chosen something, and it must not be overheard.
"""

from __future__ import annotations

import os

from beacon_track import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    Default = Literal["opt-in", "opt-out"]
    Saved = Literal["granted", "denied", "none"]

FILE = "consent.json"
#: Kill switches beside the application's own, which `kill_switch` names.
GENERAL_SWITCHES = ("DO_NOT_TRACK", "BEACON_TRACK_DISABLED")


class Decision:
    """What counts, and why.

    Attributes:
        enabled: whether anything is collected, written or sent.
        consent: the user's saved choice: `granted`, `denied`, or `none`.
        source: what decided: the name of an environment variable, `saved`, or `default`.
        reason: the same for people.
    """

    __slots__ = ("consent", "enabled", "reason", "source")

    def __init__(self, enabled: bool, consent: Saved, source: str, reason: str) -> None:
        self.enabled = enabled
        self.consent = consent
        self.source = source
        self.reason = reason

    def __repr__(self) -> str:
        return f"Decision(enabled={self.enabled}, consent={self.consent!r}, source={self.source!r})"


def decide(app: str, default: Default = "opt-out", environ: Mapping[str, str] = os.environ) -> Decision:
    """Return whether an application may collect telemetry; reads one file at most, writes nothing, never raises.

    Kill switches in the environment beat the saved choice, which beats the application's default [T10].

    Args:
        app: name of the application, as it names itself to `Telemetry`.
        default: what counts where the user has not chosen: `opt-out` (on until denied) or `opt-in` (off until granted).
        environ: the environment to look at.
    """
    saved = saved_choice(app, environ)
    for name in (kill_switch(app), *GENERAL_SWITCHES):
        if is_set(environ.get(name, "")):
            return Decision(False, saved, name, f"{name} is set in the environment")
    if saved != "none":
        return Decision(
            saved == "granted", saved, "saved", f"you have {'allowed' if saved == 'granted' else 'denied'} it"
        )
    enabled = default == "opt-out"
    return Decision(enabled, saved, "default", f"it is {'on' if enabled else 'off'} until you choose")


def kill_switch(app: str) -> str:
    """Return the name of the environment variable that switches an application's telemetry off."""
    name = "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in app)
    return f"{name.upper()}_TELEMETRY_DISABLED"


def is_set(value: str) -> bool:
    """Return whether a switch with this value is on: any value but empty, `0` and `false`."""
    return value.strip().lower() not in ("", "0", "false")


def saved_choice(app: str, environ: Mapping[str, str] = os.environ) -> Saved:
    """Return what the user has chosen before. What cannot be read counts as `denied`."""
    try:
        with open(choice_file(app, environ), "rb") as file:
            content = file.read(4096)
    except (FileNotFoundError, NotADirectoryError):
        return "none"
    except OSError:
        return "denied"
    enabled = _enabled(content)
    return "granted" if enabled is True else "denied"


def save_choice(app: str, enabled: bool, environ: Mapping[str, str] = os.environ) -> None:
    """Keep the user's choice. A denial also deletes what waits to be sent, and the installation's id.

    Raises:
        OSError: the choice cannot be written; nothing has changed.
    """
    import json
    import time

    file = choice_file(app, environ)
    directory = os.path.dirname(file)
    os.makedirs(directory, 0o700, exist_ok=True)
    changed_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    content = json.dumps({"version": 1, "enabled": enabled, "changed_at": changed_at}) + "\n"
    part = f"{file}.{os.getpid()}"
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        os.replace(part, file)
    except OSError:
        remove(part)
        raise
    if not enabled:
        forget(app, environ)


def forget(app: str, environ: Mapping[str, str] = os.environ) -> None:
    """Delete what waits to be sent and the installation's id; what cannot be deleted stays."""
    for directory in (places.state_directory(app, environ), places.temporary_directory(app, environ)):
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        for name in names:
            if name.startswith(places.OWN):
                remove(os.path.join(directory, name))


def choice_file(app: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the path of the file with the user's choice."""
    return os.path.join(places.config_directory(app, environ), FILE)


def remove(path: str) -> None:
    """Delete a file if that is possible."""
    try:
        os.unlink(path)
    except OSError:
        pass


def _enabled(content: bytes) -> object:
    import json

    try:
        choice = json.loads(content)
    except ValueError:
        return None
    return choice.get("enabled") if isinstance(choice, dict) else None
