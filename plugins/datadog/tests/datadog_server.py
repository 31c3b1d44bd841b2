"""Datadog's intakes: they store what Datadog would store, answer as it would, and misbehave when told to."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

from beacon_core.testing import FaultyServer, Request, Step
from plugins.datadog.tests.intake_rules import (
    CODINGS,
    MAX_BODY,
    MAX_ENTRIES,
    MAX_ENTRY,
    MAX_METRICS,
    MAX_METRICS_INFLATED,
    Entry,
    fault_of_distributions,
    fault_of_logs,
    fault_of_series,
    head_rules,
    house_rules,
)

#: Paths, and what is taken there.
INTAKES = {"/api/v2/logs": "logs", "/api/v2/series": "series", "/api/v1/distribution_points": "points"}
TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 413: "Request Entity Too Large"}

#: An answer in place of the usual one, or what decides about it; None is the usual one.
Turn: TypeAlias = Step | Callable[[Request], Step | None] | None


def answer(status: int, detail: str = "") -> Step:
    """Return an answer as Datadog words it."""
    if status == 202:
        return Step(status=202)
    error = {"status": str(status), "title": TITLES.get(status, "Error"), "detail": detail}
    return Step(status=status, body=json.dumps({"errors": [error]}).encode())


def no_poison(_entry: Entry) -> bool:
    return False


@dataclass
class DatadogServer:
    """All intakes of one organization, inside a `with` block.

    Attributes:
        key: the API key that is valid, or the client token where it begins with `pub`.
        strict: Beacon's own rules hold too; breaking one is noted in `faults`.
        limit: bytes of a body of logs before compression.
        poison: says which log makes a request a bad one; the answer names none.
        turns: what happens to requests, in turn, before anything is looked at.
        mood: what happens to those that no turn is left for.
        losing: what is answered in turn to requests with logs after they were stored.
        logs: entries that are stored, in order; longer ones than Datadog takes are cut without a word.
        series: stored series; `points` are distributions.
        asked: the path and the ids or metrics of each request, in order, stored or not.
        faults: what no client of ours may do.
    """

    key: str
    strict: bool = True
    limit: int = MAX_BODY
    poison: Callable[[Entry], bool] = no_poison
    turns: list[Turn] = field(default_factory=list)
    mood: Turn = None
    losing: list[Turn] = field(default_factory=list)
    logs: list[Entry] = field(default_factory=list)
    series: list[Entry] = field(default_factory=list)
    points: list[Entry] = field(default_factory=list)
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
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
        """The logs that are stored, in order, as often as each."""
        return [entry["beacon_id"] for entry in self.logs]

    def restart(self) -> None:
        """End every connection, be away for a moment, and come back on the same port."""
        port = urlsplit(self.url).port or 0
        self._server.__exit__()
        self._server = FaultyServer(self.answer, port=port)
        self._server.__enter__()

    # ---- answers ----

    def answer(self, request: Request) -> Step:
        with self._lock:
            self.asked.append((urlsplit(request.path).path, names_in(request)))
            turn = self.turns.pop(0) if self.turns else self.mood
            return _of(turn, request) or self._usual(request)

    def _usual(self, request: Request) -> Step:
        parts = urlsplit(request.path)
        intake = INTAKES.get(parts.path)
        if intake is None or request.method != "POST":
            self.faults.append(f"{request.method} {parts.path}")
            return answer(404 if intake is None else 405)
        query = parse_qs(parts.query)
        if self.strict:
            self.faults += head_rules(request.headers, query, self.key)
        if intake == "logs" and query:
            return self._browser(request, query)
        if query:
            return answer(400, "unknown parameter")
        return self._with_key(request, intake)

    def _with_key(self, request: Request, intake: str) -> Step:
        sent = request.headers.get("dd-api-key")
        if sent != self.key or self.key.startswith("pub"):
            return answer(403 if sent else 401, "check the key")
        coding = request.headers.get("content-encoding", "identity")
        if coding not in CODINGS[intake] and not (intake == "points" and "content-encoding" not in request.headers):
            return answer(415, coding)
        if request.headers.get("content-type") != ("text/json" if intake == "points" else "application/json"):
            return answer(415, "content-type")
        if intake == "logs":
            return self._take_logs(request, _json(request.body), len(request.body))
        return self._take_metrics(request, intake)

    def _browser(self, request: Request, query: dict[str, list[str]]) -> Step:
        if query.get("dd-api-key") != [self.key] or not self.key.startswith("pub"):
            return answer(403, "check the token")
        body = inflated(request)
        return self._take_logs(request, [_json(line) for line in body.split(b"\n")], len(body))

    def _take_logs(self, request: Request, value: Any, size: int) -> Step:
        if size > self.limit or (isinstance(value, list) and len(value) > MAX_ENTRIES):
            return answer(413, "too much")
        if fault := fault_of_logs(value):
            return answer(400, fault)
        entries = value if isinstance(value, list) else [value]
        if any(map(self.poison, entries)):
            return answer(400, "Invalid payload")
        sizes = [len(json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()) for entry in entries]
        if self.strict:
            self.faults += house_rules(entries, sizes, size)
        self.logs += [_cut(entry, each) for entry, each in zip(entries, sizes, strict=True)]
        return _of(self.losing.pop(0) if self.losing else None, request) or answer(202)

    def _take_metrics(self, request: Request, intake: str) -> Step:
        sent = int(request.headers.get("content-length", "0"))
        if sent > MAX_METRICS or len(request.body) > MAX_METRICS_INFLATED:
            return answer(413, "Payload too big")
        value = _json(request.body)
        fault = fault_of_series(value) if intake == "series" else fault_of_distributions(value)
        if fault:
            return answer(400, fault)
        (self.series if intake == "series" else self.points).extend(value["series"])
        return answer(202)


def inflated(request: Request) -> bytes:
    """Return the body of a request; the browser library tells of compression in the query only."""
    return zlib.decompress(request.body) if "dd-evp-encoding=deflate" in request.path else request.body


def names_in(request: Request) -> list[str]:
    """Return the ids of the logs, or the names of the metrics, that a request carries; empty if it cannot be read."""
    body = inflated(request)
    value = [_json(line) for line in body.split(b"\n")] if "?" in request.path else _json(body)
    if isinstance(value, dict):
        return [one["metric"] for one in value.get("series", [])]
    return [entry.get("beacon_id", "") for entry in value or [] if isinstance(entry, dict)]


def _of(turn: Turn, request: Request) -> Step | None:
    return turn(request) if callable(turn) else turn


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _cut(entry: Entry, size: int) -> Entry:
    return entry if size <= MAX_ENTRY else entry | {"message": entry["message"][: MAX_ENTRY - size]}
