"""What a person is told once, before anything is collected from them for the second time [T12]."""

from __future__ import annotations

import os
import sys

from beacon_track import consent, environment, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from beacon_track.consent import Decision
    from beacon_track.settings import Settings

FILE = "notice-shown"
_QUIET = frozenset(("-q", "--quiet", "--silent", "--json"))


def text(settings: Settings) -> str:
    """Return the notice; the usual one says what is collected and how to switch that off."""
    if settings.notice is not None:
        return settings.notice
    return (
        f"{settings.app} tells its authors which commands run, how long and how they end:\n"
        f"no arguments, no contents, no names. To switch that off: {consent.kill_switch(settings.app)}=1\n"
        f"in the environment, or the command `telemetry disable` of {settings.app}. This is shown once.\n"
    )


def show(settings: Settings, decision: Decision, argv: Sequence[str] | None = None) -> None:
    """Show the notice on stderr, to a person who has neither seen it nor chosen; it counts as shown if it was.

    Raises:
        OSError: it cannot be kept that it was shown; then it is not.
    """
    directory = places.state_directory(settings.app)
    shown = os.path.join(directory, FILE)
    wanted = text(settings)
    if not wanted or decision.consent != "none" or not _person_reads(argv) or os.path.exists(shown):
        return
    if not places.private(directory):
        return
    part = os.path.join(directory, f"part-{os.getpid()}-notice")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT, 0o600))
    try:
        sys.stderr.write(wanted if wanted.endswith("\n") else f"{wanted}\n")
        sys.stderr.flush()
        os.replace(part, shown)
    except (OSError, ValueError):
        consent.remove(part)


def _person_reads(argv: Sequence[str] | None) -> bool:
    tokens = sys.argv[1:] if argv is None else argv
    terminal = sys.stderr is not None and sys.stderr.isatty()
    return terminal and not environment.in_ci() and _QUIET.isdisjoint(tokens)
