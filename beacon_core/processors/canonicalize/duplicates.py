"""Leaves out what another source has told already: the same call over OTLP, on stdout and from a hook.

What has been passed on cannot be taken back, so the first source that tells something is the one that is kept. Every
rule is about events of one session:

1. The call's id is known on both sides: a call begins once, is decided on once and ends once, whatever the time.
2. It is not on one side: the same action with the same target (command line, file, server and tool, prompt) within some
   seconds, as it happened or as it arrived, from different sources; one event makes up for one.
3. Of stdout only the events that nobody else has are kept as soon as a log event came over OTLP (option `stdout`).

Memory is bounded: what was forgotten is told twice, never left out. An event that is processed again, because its
sender repeats a request that could not be stored, is judged as it was the first time.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from beacon_core.event import Attributes, Event
from beacon_core.processors.canonicalize.patterns import fits
from beacon_core.processors.canonicalize.plan import CATEGORY, OUTCOME
from beacon_core.processors.canonicalize.rules import ACTION, AGENT, SOURCE_EVENT
from beacon_core.processors.canonicalize.schema import Duplication

StdoutChoice: TypeAlias = Literal["auto", "always", "never"]

SOURCE: Final = "beacon.source"
_OTLP, _STDOUT = "otlp_log", "stdout"
_CALL: Final = "gen_ai.tool.call.id"
_BEGUN, _COMPLETED = "tool.invoked", "tool.completed"

_MOST_SESSIONS: Final = 1024
_MOST_CALLS: Final = 32_768
_MOST_SIGHTINGS: Final = 256  # of one session
_LONGEST_ID = 256  # characters; ids come from outside and are kept
_LONGEST_TARGET = 512  # characters; of longer ones a digest is kept

_Origin: TypeAlias = tuple[str, str]  # source, agent


class _Told(NamedTuple):
    """The event that told that a call has begun, was decided on or has ended."""

    event_id: str
    origin: _Origin
    action: str


class _Sighting:
    """An event with a target, and the events of other origins that it makes up for."""

    __slots__ = ("action", "arrived", "call", "directory", "event_id", "masked", "matched", "origin", "target", "time")

    def __init__(self, event: Event, action: str, target: str, *, masked: bool, arrived: int) -> None:
        self.event_id = event.id
        self.action = action
        self.target = target
        self.masked = masked
        self.time = event.time_unix_nano
        self.arrived = arrived
        self.origin = _origin(event.attributes)
        self.call = _text(event.attributes.get(_CALL))
        self.directory = _text(event.attributes.get("process.working_directory"))
        self.matched: dict[_Origin, str] = {}


class _Session:
    """What is remembered of a session."""

    __slots__ = ("_by_target", "_ids", "_masked", "_order", "otlp")

    def __init__(self) -> None:
        #: Whether a log event came over OTLP.
        self.otlp = False
        self._order: deque[_Sighting] = deque()
        self._ids: set[str] = set()
        self._masked: list[_Sighting] = []
        #: Action and target -> origin -> events. Most have one origin, which nobody has to look through.
        self._by_target: dict[tuple[str, str], dict[_Origin, list[_Sighting]]] = {}

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def like(self, new: _Sighting) -> list[_Sighting]:
        """Return what other origins have told that may be about the same target, the oldest first."""
        if new.masked:
            return [seen for seen in self._order if seen.origin != new.origin]
        origins = self._by_target.get((new.action, new.target), {})
        return [*chain(*(told for origin, told in origins.items() if origin != new.origin)), *self._masked]

    def add(self, new: _Sighting) -> None:
        """Remember an event; forget the oldest one if there are too many."""
        self._order.append(new)
        self._ids.add(new.event_id)
        self._by_target.setdefault((new.action, new.target), {}).setdefault(new.origin, []).append(new)
        if new.masked:
            self._masked.append(new)
        if len(self._order) > _MOST_SIGHTINGS:
            self._forget(self._order.popleft())

    def _forget(self, old: _Sighting) -> None:
        origins = self._by_target[(old.action, old.target)]
        origins[old.origin].remove(old)
        if not origins[old.origin]:
            del origins[old.origin]
        if not origins:
            del self._by_target[(old.action, old.target)]
        self._ids.discard(old.event_id)
        if old.masked:
            self._masked.remove(old)


class Duplicates:
    """Judges normalized events in the order in which they come. Any thread.

    Args:
        rules: what `normalized.toml` says about duplicates.
        stdout: which events of stdout are kept: with `auto` those that OTLP does not have, as soon as there is OTLP;
            with `never` only these; with `always` all that rules 1 and 2 leave.
        clock: the time now, in Unix nanoseconds.
    """

    def __init__(self, rules: Duplication, stdout: StdoutChoice, clock: Callable[[], int]) -> None:
        self._rules = rules
        self._stdout = stdout
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}
        self._calls: dict[tuple[str, str, str], _Told] = {}
        self._marked = ""  # the last session that was marked: nearly always the next one, too

    def judge(self, event: Event) -> Event | None:
        """Return the event, None if it is left out, or the event as the end of a call that was told to have begun."""
        attributes = event.attributes
        session = attributes.get("session.id") or event.resource.get("session.id")
        if not isinstance(session, str) or len(session) > _LONGEST_ID:
            session = ""
        source = attributes.get(SOURCE)
        if source == _OTLP:
            if session and session != self._marked:
                self._mark(session)
        elif source == _STDOUT and self._is_left_to_otlp(attributes, session):
            return None
        action = attributes.get(ACTION)
        if not session or action not in self._rules.actions:
            return event
        with self._lock:
            return self._judged(event, session, str(action))

    # ---- rule 3 ----

    def _mark(self, session: str) -> None:
        with self._lock:
            self._session(session).otlp = True
            self._marked = session

    def _is_left_to_otlp(self, attributes: Attributes, session: str) -> bool:
        if self._stdout == "always":
            return False
        kept = self._rules.kept_of_stdout
        if attributes.get(ACTION) in kept or attributes.get(SOURCE_EVENT) in kept:
            return False
        if self._stdout == "never":
            return True
        known = self._sessions.get(session)
        return known is not None and known.otlp

    # ---- rules 1 and 2, under the lock ----

    def _judged(self, event: Event, session: str, action: str) -> Event | None:
        phase = _phase(action, event.attributes)
        call = _text(event.attributes.get(_CALL))
        if call and self._is_told(event, (session, call, phase), action):
            return None
        target = _target(event.attributes) if phase in {"end", "prompt"} else ""
        if target and self._is_seen(event, self._session(session), action, target):
            return None
        if action == _BEGUN and phase == "end" and (session, call, "begin") in self._calls:
            return _ended(event)
        return event

    def _is_told(self, event: Event, key: tuple[str, str, str], action: str) -> bool:
        told = self._calls.get(key)
        if told is None:
            if len(self._calls) >= _MOST_CALLS:
                del self._calls[next(iter(self._calls))]
            self._calls[key] = _Told(event.id, _origin(event.attributes), action)
            return False
        if told.event_id == event.id:
            return False
        return told.origin != _origin(event.attributes) or told.action == action

    def _is_seen(self, event: Event, session: _Session, action: str, target: str) -> bool:
        if event.id in session:
            return False
        masked = any(mask in target for mask in self._rules.masks)
        new = _Sighting(event, action, target, masked=masked, arrived=self._clock())
        for seen in session.like(new):
            if self._is_same(seen, new) and seen.matched.setdefault(new.origin, new.event_id) == new.event_id:
                return True
        session.add(new)
        return False

    def _is_same(self, seen: _Sighting, new: _Sighting) -> bool:
        if seen.action != new.action or seen.origin == new.origin or (seen.call and new.call):
            return False
        if seen.directory and new.directory and seen.directory != new.directory:
            return False
        window = self._rules.window(new.action)
        near = abs(seen.time - new.time) <= window or abs(seen.arrived - new.arrived) <= window
        return near and self._is_same_text(seen.target, new.target)

    def _is_same_text(self, one: str, other: str) -> bool:
        """Compare targets; where an agent has put a mask, anything may stand in the other one."""
        if one == other:
            return True
        return any(
            fits(full, masked.split(mask))
            for mask in self._rules.masks
            for masked, full in ((one, other), (other, one))
            if mask in masked
        )

    def _session(self, name: str) -> _Session:
        """Return what is remembered of a session, which is the newest now."""
        session = self._sessions.pop(name, None) or _Session()
        if len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[name] = session
        return session


def _phase(action: str, attributes: Attributes) -> str:
    """Return what an event is to its call: that it begins, a decision, or its end."""
    if action.startswith("approval."):
        return action
    if action == "prompt.submitted":
        return "prompt"
    return "begin" if action == _BEGUN and OUTCOME not in attributes else "end"


def _target(attributes: Attributes) -> str:
    """Return what an action was done to, empty if nothing says it."""
    for name in ("process.command_line", "file.path", "beacon.prompt.text"):
        target = _text(attributes.get(name))
        if target:
            return (
                target
                if len(target) <= _LONGEST_TARGET
                else hashlib.sha256(target.encode(errors="replace")).hexdigest()
            )
    server = _text(attributes.get("beacon.mcp.server.name"))
    return f"{server}/{_text(attributes.get('gen_ai.tool.name'))}"[:_LONGEST_TARGET] if server else ""


def _origin(attributes: Attributes) -> _Origin:
    return str(attributes.get(SOURCE)), str(attributes.get(AGENT))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _ended(event: Event) -> Event:
    """Return the end of a call of which another source has told the beginning under the same action."""
    attributes = {**event.attributes, ACTION: _COMPLETED, CATEGORY: "tool"}
    return msgspec.structs.replace(
        event, name=_COMPLETED if event.signal == "log" else event.name, attributes=attributes
    )
