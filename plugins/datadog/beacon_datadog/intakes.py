"""Requests for Datadog's intakes: which events go where, in which form, and how many at once."""

from __future__ import annotations

import gzip
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from beacon_core import Batch, BatchTooLargeError, Event, PermanentError, __version__
from beacon_datadog.answers import Failed
from beacon_datadog.config import DatadogConfig
from beacon_datadog.distributions import encode_distribution
from beacon_datadog.encoding import Encoder, Origin, origin
from beacon_datadog.series import encode_series

#: Below the documented 5 MB before compression, and 512,000 bytes after it for metrics.
MAX_BODY = 4_000_000
MAX_ENTRIES = 1000
#: What a limit is lowered to at most, in bytes before compression.
LOWEST_BODY = 100_000
MAX_COMPRESSED_METRICS = 500_000
#: Kinds of metrics of which more was measured than a series can say.
SHAPES = frozenset({"histogram", "exponential_histogram"})

Noted = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """One POST.

    Attributes:
        url: without query.
        events: what it carries.
        body: compressed.
        headers: hold the API key; shown nowhere.
        size: bytes of the body before compression.
        query: with its question mark; holds the client token; shown nowhere.
        noted: what to count once the events are delivered: how many, by counter and reason.
    """

    url: str
    events: Sequence[Event]
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    size: int
    query: str = field(default="", repr=False)
    noted: dict[Noted, int] = field(default_factory=dict)


class Intakes:
    """Makes the requests of one exporter. Any thread."""

    def __init__(self, config: DatadogConfig) -> None:
        self._config = config
        self._defaults = Origin(config.service, config.hostname, config.tags)
        self._key = config.api.key.get_secret_value()
        self._limits: dict[str, int] = {}
        self._first = ""

    def requests(self, batch: Batch) -> tuple[list[Request], Failed]:
        """Return the requests for a batch, and the events that can be sent nowhere.

        Raises:
            BatchTooLargeError: one request would hold more than an intake takes.
        """
        failed: Failed = {}
        points = [] if self._config.has_client_token else [event for event in batch if event.metric is not None]
        others = [event for event in batch if event.metric is None] if points else list(batch)
        requests = [self._logs(others)] if others else []
        requests += self._metrics(points, failed)
        return sorted(requests, key=lambda request: request.url != self._first), failed

    def refused(self, request: Request, *, too_large: bool) -> None:
        """Take note of a request that has to be made smaller.

        Its intake comes first from now on: where nothing was delivered before it, the whole batch can be halved. With
        `too_large` (413) no body above three quarters of that size is made any more in this run, but for a single
        event; what is below `LOWEST_BODY` is not taken for the intake's limit, it may be one event that is too large.
        """
        self._first = request.url
        if too_large and len(request.events) > 1:
            self._limits[request.url] = min(self._limit(request.url), max(request.size * 3 // 4, LOWEST_BODY))

    def _limit(self, url: str) -> int:
        return self._limits.get(url, MAX_BODY)

    def _check(self, url: str, events: Sequence[Event], size: int) -> None:
        limit = self._limit(url)
        if size > limit and len(events) > 1:
            raise BatchTooLargeError(f"more than {limit} bytes for one request to {url}")

    def _logs(self, events: Sequence[Event]) -> Request:
        url = self._config.logs_url
        if len(events) > MAX_ENTRIES:
            raise BatchTooLargeError(f"more than {MAX_ENTRIES} entries for one request to {url}")
        encoder = Encoder(self._config.ddsource, self._defaults)
        entries = [encoder.encode(event) for event in events]
        size = sum(map(len, entries)) + len(entries) + 1
        self._check(url, events, size)
        noted = {
            ("renamed", "reserved_attribute"): encoder.renamed,
            ("truncated", "entry_too_large"): encoder.truncated,
        }
        if self._config.has_client_token:
            body = zlib.compress(b"\n".join(entries))
            return Request(url, events, body, {}, size, self._browser_query(), noted)
        body = _gzip(b"[" + b",".join(entries) + b"]")
        return Request(url, events, body, self._headers("application/json", "gzip"), size, noted=noted)

    def _metrics(self, events: Sequence[Event], failed: Failed) -> list[Request]:
        """Return a request for series and one for distributions; points without a number are added to `failed`."""
        series, distributions = _Group(), _Group()
        for event in events:
            source = origin(event.resource, self._defaults)
            metric = event.metric
            wanted = self._config.metrics.histograms.mode == "distributions"
            if wanted and (distribution := encode_distribution(event, source)):
                distributions.add(event, [distribution])
            elif encoded := encode_series(event, source):
                series.add(event, encoded)
                if metric is not None and metric.kind in SHAPES:
                    series.note("shape_lost", metric.kind)
            else:
                failed[event.id] = PermanentError("a metric point without a number: nothing that Datadog could store")
        config, requests = self._config, []
        if series.events:
            requests.append(self._request(config.metrics_url, series, "application/json", "gzip"))
        if distributions.events:
            requests.append(self._request(config.distributions_url, distributions, "text/json", "deflate"))
        return requests

    def _request(self, url: str, group: _Group, content_type: str, coding: str) -> Request:
        body = b'{"series":[' + b",".join(group.encoded) + b"]}"
        self._check(url, group.events, len(body))
        compressed = _gzip(body) if coding == "gzip" else zlib.compress(body)
        if len(compressed) > MAX_COMPRESSED_METRICS and len(group.events) > 1:
            raise BatchTooLargeError(f"more than {MAX_COMPRESSED_METRICS} compressed bytes for one request to {url}")
        return Request(url, group.events, compressed, self._headers(content_type, coding), len(body), noted=group.noted)

    def _headers(self, content_type: str, coding: str) -> dict[str, str]:
        return {
            "DD-API-KEY": self._key,
            "DD-EVP-ORIGIN": "beacon",
            "DD-EVP-ORIGIN-VERSION": __version__,
            "Content-Type": content_type,
            "Content-Encoding": coding,
        }

    def _browser_query(self) -> str:
        """Return the query of the browser intake, as Datadog's browser library makes it. It holds the token."""
        return "?" + urlencode(
            {
                "ddsource": "browser",
                "dd-api-key": self._key,
                "dd-evp-origin-version": __version__,
                "dd-evp-origin": "browser",
                "dd-request-id": str(uuid.uuid4()),
                "dd-evp-encoding": "deflate",
            }
        )


class _Group:
    """What goes into one request with metrics."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.encoded: list[bytes] = []
        self.noted: dict[Noted, int] = {}

    def add(self, event: Event, encoded: list[bytes]) -> None:
        self.events.append(event)
        self.encoded += encoded

    def note(self, name: str, reason: str) -> None:
        self.noted[name, reason] = self.noted.get((name, reason), 0) + 1


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)  # without a time in it, a body that is sent again is the same
