"""`telemetry status`, `enable` and `disable`, whatever the command line is made with [T11]."""

from __future__ import annotations

import os

from beacon_track import consent, handover, places, standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from beacon_track.telemetry import Telemetry

    Say = Callable[[str], None]

#: The commands, with their help.
COMMANDS = {
    "status": "Show whether telemetry is on, and why.",
    "enable": "Allow telemetry.",
    "disable": "Deny telemetry, and delete what has not been sent.",
}
HELP = "Show, allow or deny the telemetry of this application."


def status(telemetry: Telemetry) -> dict[str, object]:
    """Return what counts, and why."""
    decision = telemetry.decision
    return {
        "enabled": decision.enabled,
        "consent": decision.consent,
        "source": decision.source,
        "token_configured": token_configured(telemetry),
    }


def token_configured(telemetry: Telemetry) -> bool:
    """Return whether there is what the destination asks for: a token, or every variable that the pipeline refers to."""
    settings = telemetry.settings
    if settings.pipeline:
        given = {**os.environ, "BEACON_TRACK_TOKEN": settings.token, "BEACON_TRACK_SPOOL": "given"}
        return all(given.get(name) for name in handover.referred(settings.pipeline))
    return bool(settings.token)


def run(telemetry: Telemetry, command: str, as_json: bool, out: Say, err: Say) -> int:
    """Run one of the commands and return its exit code.

    Args:
        telemetry: of the application.
        command: `status`, `enable` or `disable`.
        as_json: print the status as JSON.
        out: takes lines for stdout.
        err: takes lines for stderr.
    """
    app = telemetry.settings.app
    if command != "status":
        try:
            telemetry.set_enabled(command == "enable")
        except OSError as error:
            err(f"{app}: the choice cannot be saved: {consent.choice_file(app)}: {error.strerror or 'not writable'}")
            return 1
        if command == "enable" and not telemetry.enabled:
            err(f"{app}: saved, but {telemetry.decision.source} in the environment switches telemetry off all the same")
    for line in _as_json(telemetry) if as_json else _as_text(telemetry):
        out(line)
    return 0


def _as_json(telemetry: Telemetry) -> list[str]:
    import json

    return [json.dumps(status(telemetry))]


def _as_text(telemetry: Telemetry) -> list[str]:
    app, decision = telemetry.settings.app, telemetry.decision
    lines = [f"telemetry of {app} is {'on' if decision.enabled else 'off'}: {decision.reason}"]
    dropped = standing.dropped(places.state_directory(app))
    if decision.enabled and dropped:
        lines.append(f"{dropped} events were refused by their destination and are lost")
    return lines
