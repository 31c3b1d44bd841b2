"""Reads events into a report, one line at a time."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from beacon_core.report.bounded import bounded, shortened
from beacon_core.report.files import lines, parts
from beacon_core.report.record import JsonMap, Record, counts, decode, text
from beacon_core.report.report import Report
from beacon_core.report.run import Run, run_of
from beacon_core.report.session import Session

#: Ids of events that are known: the same event once more within so many is a repetition (delivery is at least once).
_KNOWN_IDS = 1 << 14
_KNOWN_RESOURCES = 1024
_MOST_NAMES = 100


def read_report(path: Path, *, since_unix_nano: int = 0) -> Report:
    """Return the report on a file of the file exporter and on what rotation has put aside of it. Any thread.

    The memory that it takes grows with the sessions, not with the events. Damaged lines are counted and left out.

    Args:
        path: the file, such as `runtime.jsonl`; `.gz` and `.zst` are unpacked.
        since_unix_nano: leave out what happened before, in Unix nanoseconds.

    Raises:
        UnreadableFileError: the file cannot be read.
    """
    return report_on(lines_of([path]), since_unix_nano=since_unix_nano)


def lines_of(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield the lines of several files, each after its rotated parts; a file that is named twice is read once.

    Raises:
        UnreadableFileError: one of them cannot be read.
    """
    files = {part.resolve(): part for path in paths for part in parts(path)}
    for file in files.values():
        yield from lines(file)


def report_on(event_lines: Iterable[bytes], *, since_unix_nano: int = 0) -> Report:
    """Return the report on events, each a line as the file exporter writes it. Any thread.

    Args:
        event_lines: the lines; what `beacon_core.event.encode_lines` gives.
        since_unix_nano: leave out what happened before, in Unix nanoseconds.
    """
    reading = _Reading(since_unix_nano)
    for line in event_lines:
        if line and not line.isspace():
            reading.add(line)
    return reading.done()


class _Origin:
    """What a resource tells, read once for all its events."""

    __slots__ = ("run", "session")

    def __init__(self, resource: JsonMap) -> None:
        self.run: Run = run_of(resource)
        self.session = text(resource, "session.id")


class _Reading:
    """A report in the making."""

    def __init__(self, since: int) -> None:
        self._since = since
        self._report = Report()
        self._sessions: dict[tuple[Run, str, str], Session] = {}
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._origins: dict[bytes, _Origin] = {}
        self._counted: set[bytes] = set()

    def add(self, line: bytes) -> None:
        record = decode(line)
        if record is None:
            self._report.damaged += 1
        elif record.time_unix_nano < self._since:
            self._report.before += 1
        elif self._is_known(record.id):
            self._report.repeated += 1
        else:
            self._report.events += 1
            self._sort(record)

    def done(self) -> Report:
        self._adopt()
        for session in self._sessions.values():
            session.settle()
        self._report.sessions = sorted(
            self._sessions.values(), key=lambda session: (session.start_unix_nano, session.agent, session.id)
        )
        return self._report

    def _sort(self, record: Record) -> None:
        origin = self._origin(record.resource)
        agent = shortened(text(record.attributes, "beacon.agent.name"))
        if not agent or text(record.attributes, "beacon.event.kind") not in {"", "agent_runtime"}:
            self._report.others[bounded(record.name, self._report.others, _MOST_NAMES)] += 1
            self._report.redactions.update(counts(record.attributes.get("beacon.redacted")))
            redactions = self._report.redactions
        else:
            session_id = text(record.attributes, "session.id") or origin.session  # the record's wins
            key = (origin.run, agent, shortened(session_id))
            session = self._sessions.get(key)
            if session is None:
                session = self._sessions[key] = Session(agent, key[2], origin.run)
            session.add(record)
            redactions = session.redactions
        for shared in (record.resource, record.scope):
            self._add_shared(bytes(shared), redactions)

    def _add_shared(self, shared: bytes, redactions: Counter[str]) -> None:
        """Count what was removed from a resource or scope: once, however many events share it."""
        if b'"beacon.redacted"' not in shared:
            return
        digest = hashlib.blake2b(shared, digest_size=16).digest()
        if digest in self._counted or len(self._counted) >= _KNOWN_RESOURCES:
            return
        self._counted.add(digest)
        decoded = _map(shared)
        for summary in (decoded.get("beacon.redacted"), _nested(decoded, "attributes").get("beacon.redacted")):
            redactions.update(counts(summary))

    def _origin(self, resource: msgspec.Raw) -> _Origin:
        shared = bytes(resource)
        origin = self._origins.get(shared)
        if origin is None:
            origin = _Origin(_map(shared))
            if len(self._origins) >= _KNOWN_RESOURCES:
                self._origins.clear()
            self._origins[shared] = origin
        return origin

    def _is_known(self, event_id: str) -> bool:
        if event_id in self._ids:
            return True
        self._ids[event_id] = None
        if len(self._ids) > _KNOWN_IDS:
            self._ids.popitem(last=False)
        return False

    def _adopt(self) -> None:
        """Give metrics of no session, as those of Codex are, to the session of their agent, where it has only one."""
        for key, orphan in list(self._sessions.items()):
            run, agent, session_id = key
            if session_id or not orphan.is_measured_only:
                continue
            own = [each for each in self._sessions.values() if each.agent == agent and each.run == run and each.id]
            if len(own) == 1:
                own[0].take(orphan)
                del self._sessions[key]


def _map(data: bytes) -> JsonMap:
    """Return JSON that should be a map; an empty one if it is not."""
    try:
        decoded = msgspec.json.decode(data) if data else {}
    except msgspec.MsgspecError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _nested(outer: JsonMap, name: str) -> JsonMap:
    inner = outer.get(name)
    return inner if isinstance(inner, dict) else {}
