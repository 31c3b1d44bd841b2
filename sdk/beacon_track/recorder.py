"""Takes the events of a process: makes them clean, keeps them on disk, and hands them over at the end."""

from __future__ import annotations

import os
import threading

from beacon_track import debug, environment, events, marks, otlp, places, quiet
from beacon_track.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from beacon_track.events import Event
    from beacon_track.settings import Settings


#: Events that are handed over together; a process that goes on for long does so again and again.
_MANY = 500


class Recorder:
    """The events of this process, from its first to its end. Any thread; a forked child begins anew.

    There is one only where telemetry is allowed, so that nothing below asks again.
    """

    def __init__(self, settings: Settings, session_id: str) -> None:
        self._settings = settings
        self._session_id = session_id
        self._lock = threading.RLock()
        self._lines: list[bytes] = []
        self._begun: dict[str, bytes] = {}
        self._held: Event | None = None
        self._directory = ""
        self._journal: Journal | None = None
        self._open_journal()
        self._resource = self._make_resource()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def begin(self, event: Event) -> None:
        """Take note of something that will end, in case nothing more is heard of it."""
        with self._lock:
            line = self._begun[event.id] = self._encode(event)
            if self._journal is not None:
                quiet.quietly(self._journal.begun, line)

    def end(self, event: Event) -> None:
        """Take an event."""
        with self._lock:
            line = self._encode(event)
            debug.say(f"event {events.sentence(event)}")
            self._begun.pop(event.id, None)
            self._lines.append(line)
            if self._journal is not None:
                quiet.quietly(self._journal.ended, line)
            if len(self._lines) >= _MANY:
                self._hand_over(last=False)

    def hold(self, event: Event, error: BaseException) -> None:
        """Take a command that an exception left: a crash if nobody catches it, else an error."""
        with self._lock:
            self._release("error")
            marks.left(error, event.id)
            self._held = event

    def crashed(self, event: Event, error: BaseException) -> None:
        """Take a crash report; a command that this exception left has crashed."""
        with self._lock:
            self._release("crash" if self._held and marks.has_left(error, self._held.id) else "error")
            self.end(event)

    def close(self) -> None:
        """Hand over what was taken; at the end of the process, and as often as anybody likes."""
        with self._lock:
            self._release("error")
            self._hand_over(last=True)

    def discard(self) -> None:
        """Forget everything: the user has just said no."""
        with self._lock:
            self._lines, self._begun, self._held = [], {}, None
            if self._journal is not None:
                quiet.quietly(self._journal.discard)

    def _hand_over(self, *, last: bool) -> None:
        """Give away what was taken, and begin a new journal with what has begun and not ended."""
        from beacon_track import handover

        lines, self._lines = self._lines, []
        journal, self._journal = self._journal, None
        if lines:
            handover.depart(self._settings, journal, lines, wait=last)
        elif journal is not None:
            quiet.quietly(journal.discard)
        self._journal = Journal(self._directory) if self._directory else None
        if self._journal is not None and not last:
            for line in self._begun.values():
                quiet.quietly(self._journal.begun, line)

    def _release(self, outcome: str) -> None:
        if self._held is not None:
            event, self._held = self._held, None
            event.attributes = {**event.attributes, "beacon.outcome": outcome}
            self.end(event)

    def _encode(self, event: Event) -> bytes:
        record = events.record(event, self._session_id, self._settings.app)
        return otlp.encode(record, self._resource, _version())

    def _open_journal(self) -> None:
        """Choose a directory: that of the state, else a temporary one; without any, events live in memory only."""
        app = self._settings.app
        directories = (places.state_directory(app), places.temporary_directory(app))
        self._directory = next((each for each in directories if places.private(each)), "")
        self._journal = Journal(self._directory) if self._directory else None

    def _make_resource(self) -> dict[str, otlp.Value]:
        from beacon_track import device

        found = environment.resource(self._settings.app, self._settings.version, _version())
        if not environment.in_ci() and self._directory == places.state_directory(self._settings.app):
            found["app.installation.id"] = device.installation_id(self._directory)
        return {name: value for name, value in events.clean_attributes(found, self._settings.app).items() if value}

    def _forked(self) -> None:
        """Begin anew in a forked child: what was taken is its parent's to send."""
        self._lock = threading.RLock()
        self._lines, self._begun, self._held = [], {}, None
        if self._journal is not None:
            self._journal.abandon()
        self._journal = Journal(self._directory) if self._directory else None


def _version() -> str:
    from beacon_track import __version__

    return __version__
