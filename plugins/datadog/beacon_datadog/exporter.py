"""The Datadog exporter: logs and spans to the logs intake, metrics to the series intake, one attempt each."""

from __future__ import annotations

import gzip
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from beacon_core import (
    Batch,
    BatchTooLargeError,
    ConfigurationError,
    Event,
    Exporter,
    Host,
    HttpClient,
    PermanentError,
    RetryableError,
    __version__,
    raise_failures,
)
from beacon_datadog.answers import Failed, judge
from beacon_datadog.config import DatadogConfig
from beacon_datadog.encoding import Encoder, Origin, origin
from beacon_datadog.series import encode_series

#: Below the documented 5 MB before compression (logs) and 512,000 bytes after it (series).
MAX_BODY = 4_000_000
MAX_ENTRIES = 1000
MAX_COMPRESSED_SERIES = 500_000
#: Kinds of metrics of which more was measured than Datadog's series can say.
SHAPES = frozenset({"histogram", "exponential_histogram"})


@dataclass(frozen=True, slots=True)
class _Request:
    url: str
    events: Sequence[Event]
    body: bytes
    headers: dict[str, str]
    query: str = ""


class DatadogExporter(Exporter):
    """Sends events to Datadog: `datadog`. Delivered means accepted: Datadog tells nothing of what it indexes."""

    config_class = DatadogConfig
    config: DatadogConfig
    concurrent = True
    _client: HttpClient | None = None

    def start(self, host: Host) -> None:
        super().start(host)
        config = self.config
        self._defaults = Origin(config.service, config.hostname, config.tags)
        self._key = config.api.key.get_secret_value()
        self._client = HttpClient(config.timeout, config.tls, secrets=[self._key], clock=host.clock)
        if config.tls.insecure_skip_verify:
            host.logger.warning("tls.insecure_skip_verify: whoever answers at %s gets the key", config.logs_url)

    def export(self, batch: Batch) -> None:
        failed: Failed = {}
        points = [] if self.config.has_client_token else [event for event in batch if event.metric is not None]
        others = [event for event in batch if event.metric is None] if points else list(batch)
        requests = [self._logs(others)] if others else []
        if points:
            requests += self._series(points, failed)
        for request in requests:
            if error := self._send(request):
                failed |= {event.id: error for event in request.events}
        raise_failures(batch, failed)

    def shutdown(self, timeout: float) -> None:  # noqa: ARG002 - closing waits for nothing
        if self._client is not None:
            self._client.close()
            self._client = None

    def _logs(self, events: Sequence[Event]) -> _Request:
        """Return the request for logs and spans.

        Raises:
            BatchTooLargeError: more than one request may hold.
        """
        encoder = Encoder(self.config.ddsource, self._defaults)
        entries = [encoder.encode(event) for event in events]
        self.host.count("renamed", encoder.renamed, reason="reserved_attribute")
        self.host.count("truncated", encoder.truncated, reason="entry_too_large")
        url = self.config.logs_url
        if len(entries) > MAX_ENTRIES or sum(map(len, entries)) + len(entries) + 1 > MAX_BODY:
            raise BatchTooLargeError(f"more than {MAX_ENTRIES} entries or {MAX_BODY} bytes for one request to {url}")
        if self.config.has_client_token:
            return _Request(url, events, zlib.compress(b"\n".join(entries)), {}, self._browser_query())
        return _Request(url, events, _gzip(b"[" + b",".join(entries) + b"]"), self._headers())

    def _series(self, events: Sequence[Event], failed: Failed) -> list[_Request]:
        """Return the request for metrics, none if no point holds a number; those without are added to `failed`.

        Raises:
            BatchTooLargeError: more than one request may hold.
        """
        series: list[bytes] = []
        sent = []
        for event in events:
            encoded = encode_series(event, origin(event.resource, self._defaults))
            if encoded:
                series += encoded
                sent.append(event)
                if event.metric is not None and event.metric.kind in SHAPES:
                    self.host.count("shape_lost", reason=event.metric.kind)
            else:
                failed[event.id] = PermanentError("a metric point without a number: nothing that Datadog could store")
        if not sent:
            return []
        url = self.config.metrics_url
        body = b'{"series":[' + b",".join(series) + b"]}"
        compressed = _gzip(body)
        if len(body) > MAX_BODY or len(compressed) > MAX_COMPRESSED_SERIES:
            raise BatchTooLargeError(f"more than {MAX_COMPRESSED_SERIES} compressed bytes for one request to {url}")
        return [_Request(url, sent, compressed, self._headers())]

    def _headers(self) -> dict[str, str]:
        return {
            "DD-API-KEY": self._key,
            "DD-EVP-ORIGIN": "beacon",
            "DD-EVP-ORIGIN-VERSION": __version__,
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
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

    def _send(self, request: _Request) -> Exception | None:
        if self._client is None:
            raise ConfigurationError("the exporter was not started")
        headers = request.headers | {"User-Agent": f"beacon/{__version__}"}
        try:
            answer = self._client.post(request.url, request.body, headers, query=request.query)
        except RetryableError as error:
            return error
        return judge(answer, request.url, events=len(request.events))


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)  # without a time in it, a body that is sent again is the same
