"""A HEC server that stores what Splunk would store, answers as Splunk would, and misbehaves when it is told to."""

from __future__ import annotations

import gzip
import json
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from beacon_core.testing import FaultyServer, Request, Step
from plugins.splunk.tests.hec_rules import (
    CLOUD_LIMIT,
    KEYS,
    STATUSES,
    TEXTS,
    Object,
    Refusal,
    code_of,
    guid,
    house_rules,
    is_skipped,
    parse,
    plain,
)

EVENT_PATHS = {f"/services/collector{tail}" for tail in ("", "/event", "/event/1.0")}
ACK_PATHS = {f"/services/collector{tail}" for tail in ("/ack", "/ack/1.0")}
HTML = b"<!doctype html><html><head><title>refused</title></head></html>"

#: What happens to a request in place of the usual: an answer to give without looking at the request, or None.
Whim = Callable[[Request], Step | None]


def reply(code: int, number: int | None = None, *, status: int | None = None, **more: Any) -> Step:
    """Return an answer of HEC."""
    content: dict[str, Any] = {"text": TEXTS.get(code, "said"), "code": code}
    if number is not None:
        content["invalid-event-number"] = number
    return Step(status=status or STATUSES.get(code, 400), body=json.dumps(content | more).encode())


def usual(_request: Request) -> None:
    """Do what Splunk does."""


@dataclass
class HecServer:
    """A server with one token, inside a `with` block.

    Attributes:
        token: that is taken.
        strict: Beacon's own rules hold too; breaking one is noted in `faults`.
        cloud: answers as Splunk Cloud does.
        limit: bytes of a body; None: that of the Cloud, or none.
        indexes: that are allowed for the token; None: any, and what goes to one that does not exist is lost.
        acks: the token has indexer acknowledgement.
        acked_after: how often a number is asked for until it is stored.
        poison: says which objects are refused though they are well-formed, by their code; 0 for none.
        whims: in turn for requests with events, before anything is looked at; `ack_whims` for questions.
        mood: for all requests with events that no whim is left for.
        losing: in turn for requests with events, after they were stored: what is answered instead.
        stored: every object that was indexed, in order.
        batches: the objects of each request with events, in order, stored or not.
        faults: what no client of ours may do.
    """

    token: str
    strict: bool = True
    cloud: bool = False
    limit: int | None = None
    indexes: set[str] | None = None
    acks: bool = False
    acked_after: int = 1
    poison: Callable[[Object], int] = lambda _value: 0
    whims: list[Step | Whim] = field(default_factory=list)
    mood: Whim | None = None
    ack_whims: list[Step | Whim] = field(default_factory=list)
    losing: list[Step | None] = field(default_factory=list)
    stored: list[Object] = field(default_factory=list)
    batches: list[list[Object]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = defaultdict(int)
        self._asked: dict[tuple[str, int], int] = {}  # numbers that wait, and how often they were asked for
        self._server = FaultyServer(self.answer)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def requests(self) -> list[Request]:
        """What came in since the last restart."""
        return self._server.requests

    @property
    def ids(self) -> list[str]:
        """The events that were indexed, in order, as often as each was."""
        return [value["fields"]["beacon_id"] for value in self.stored]

    def restart(self) -> None:
        """End every connection, be away for a moment, and come back on the same port; forget the channels."""
        port = int(self.url.rpartition(":")[2])
        self._server.__exit__()
        self._numbers.clear()
        self._asked.clear()
        self._server = FaultyServer(self.answer, port=port)
        self._server.__enter__()

    # ---- answers ----

    def answer(self, request: Request) -> Step:
        path = request.path.partition("?")[0]
        with self._lock:
            if path in EVENT_PATHS:
                step = self._whim(self.whims or [self.mood or usual], request) or self._refused_head(request)
                return step or self._take(request)
            if path in ACK_PATHS:
                step = self._whim(self.ack_whims, request) or self._refused_head(request)
                return step or self._acknowledge(request)
        self.faults.append(f"path {request.path}")
        return reply(404, status=404)

    def _whim(self, whims: list[Step | Whim], request: Request) -> Step | None:
        whim = whims.pop(0) if whims else None
        step = whim(request) if callable(whim) else whim
        if step is not None and request.path.partition("?")[0] in EVENT_PATHS:
            self.batches.append([plain(value) for value in parse(request.body)[0]])
        return step

    def _refused_head(self, request: Request) -> Step | None:
        """Return the answer to a request whose head is wrong."""
        authorization = request.headers.get("authorization", "")
        if request.method != "POST" or "?" in request.path:
            self.faults.append(f"{request.method} {request.path}")
        if not authorization:
            return reply(2)
        if not authorization.startswith("Splunk "):
            return reply(3)
        if authorization != f"Splunk {self.token}":
            return reply(4)
        channel = request.headers.get("x-splunk-request-channel", "")
        if not channel and self.acks:
            return reply(28 if self.cloud else 10)
        return reply(11) if channel and guid(channel) is None else None

    def _take(self, request: Request) -> Step:
        coding = request.headers.get("content-encoding", "gzip")
        if coding != "gzip":
            return Step(status=415, body=HTML)
        if request.body[:2] == gzip.compress(b"")[:2]:  # FaultyServer could not undo it
            return Step(status=400, body=HTML)
        limit = self.limit or (CLOUD_LIMIT if self.cloud else None)
        if limit is not None and len(request.body) > limit:
            self.batches.append([])
            return reply(6, 0) if self.cloud else Step(status=413, body=HTML)
        objects, broken = parse(request.body)
        self.batches.append([plain(value) for value in objects])
        if self.strict:
            self.faults += house_rules(request.headers, objects)
        return self._index(objects, broken, request.headers.get("x-splunk-request-channel", ""))

    def _index(self, objects: list[Object], broken: Refusal | None, channel: str) -> Step:
        """Store objects up to the first that is refused."""
        taken = 0
        for number, value in enumerate(objects):
            if set(value) - KEYS:  # the rest is lost without a word
                return self._accepted(taken, channel) if taken else reply(5)
            if code := code_of(value) or self.poison(plain(value)):
                return self._refused(Refusal(code, number), taken, channel)
            if self.indexes is not None and value.get("index", "main") not in self.indexes:
                return self._refused(Refusal(7, number + 1), taken, channel)
            taken += 1
            if not is_skipped(value):
                self.stored.append(plain(value))
        if broken is not None:
            return self._refused(broken, taken, channel)
        return self._accepted(taken, channel) if taken else reply(5)

    def _accepted(self, taken: int, channel: str) -> Step:
        usual = reply(0, **self._next_number(taken, channel))
        return (self.losing.pop(0) if self.losing else None) or usual

    def _refused(self, refusal: Refusal, taken: int, channel: str) -> Step:
        return reply(refusal.code, refusal.number, **self._next_number(taken, channel))

    # ---- acknowledgements ----

    def _next_number(self, taken: int, channel: str) -> dict[str, int]:
        if not self.acks or not taken:
            return {}
        number = self._numbers[channel]
        self._numbers[channel] += 1
        self._asked[channel, number] = 0
        return {"ackId": number}

    def _acknowledge(self, request: Request) -> Step:
        if not self.acks:
            return reply(14)
        if request.headers.get("content-encoding"):
            self.faults.append("a compressed question")
        channel = request.headers["x-splunk-request-channel"]
        numbers = json.loads(request.body)["acks"]
        states = {str(number): self._is_stored(channel, number) for number in numbers}
        return Step(body=json.dumps({"acks": states}).encode())

    def _is_stored(self, channel: str, number: int) -> bool:
        """Say whether a number is stored: once, and then never again."""
        if (channel, number) not in self._asked:
            return False
        self._asked[channel, number] += 1
        if self._asked[channel, number] < self.acked_after:
            return False
        del self._asked[channel, number]
        return True
