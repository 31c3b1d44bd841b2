"""The Splunk exporter: one request for each index, one attempt, the answer read to the letter."""

from __future__ import annotations

import gzip
import uuid
from http import HTTPStatus

from beacon_core import (
    Batch,
    BatchTooLargeError,
    ConfigurationError,
    Exporter,
    Host,
    HttpAnswer,
    HttpClient,
    PermanentError,
    RetryableError,
    __version__,
    raise_failures,
)
from beacon_splunk.answers import CLOUD_LIMIT, Failed, Sent, fail_all, judge, no_hec
from beacon_splunk.config import SplunkHecConfig, event_url
from beacon_splunk.encoding import Encoder, Record

_GZIP_LEVEL = 1  # a quarter of the CPU of level 6, for bodies a quarter larger (measured on logs of agents)
#: Splunk Cloud takes about 5 MB for one event.
MAX_OBJECT = 5_000_000


class SplunkHecExporter(Exporter):
    """Sends events to Splunk's HTTP Event Collector: `splunk_hec`.

    An `ackId` in an answer is not followed up yet: delivered means that Splunk has accepted the events.
    """

    config_class = SplunkHecConfig
    config: SplunkHecConfig
    concurrent = True
    _client: HttpClient | None = None

    def start(self, host: Host) -> None:
        super().start(host)
        config = self.config
        self._url = event_url(config.endpoint)
        self._limit = int(config.max_content_length)
        self._compress = not config.disable_compression
        defaults = {key: getattr(config, key) for key in ("host", "source", "sourcetype", "index")}
        self._defaults = {key: value for key, value in defaults.items() if value}
        token = config.token.get_secret_value()
        self._headers = {
            "Authorization": f"Splunk {token}",
            "Content-Type": "application/json",
            "User-Agent": f"beacon/{__version__}",
            "X-Splunk-Request-Channel": str(uuid.uuid4()),
        }
        self._client = HttpClient(config.timeout, config.tls, secrets=[token], clock=host.clock)
        if config.tls.insecure_skip_verify:
            host.logger.warning("tls.insecure_skip_verify: whoever answers at %s gets the token", self._url)
        if self._limit > MAX_OBJECT:
            host.logger.warning("max_content_length is above %d bytes: Splunk Cloud refuses such bodies", MAX_OBJECT)

    def export(self, batch: Batch) -> None:
        groups, failed = self._encode(batch)
        for records in groups.values():
            if len(records) > 1 and _size(records) > self._limit:
                raise BatchTooLargeError(f"more than {self._limit} bytes for one request to {self._url}")
        busy: RetryableError | None = None
        for records in groups.values():
            lost = fail_all(records, busy) if busy else self._send(records)
            failed |= lost
            busy = busy or _busy(records, lost)
        raise_failures(batch, failed)

    def shutdown(self, timeout: float) -> None:  # noqa: ARG002 - closing waits for nothing
        if self._client is not None:
            self._client.close()
            self._client = None

    def _encode(self, batch: Batch) -> tuple[dict[str | None, list[Record]], Failed]:
        """Return records by index (one wrong index stops the rest of a body), and what cannot be sent at all."""
        encoder = Encoder(self._defaults)
        groups: dict[str | None, list[Record]] = {}
        failed: Failed = {}
        for event in batch:
            record = encoder.encode(event)
            if not record.objects:
                failed[event.id] = PermanentError("a metric point without a number: nothing that Splunk could store")
            elif max(map(len, record.objects)) > MAX_OBJECT:
                failed[event.id] = PermanentError(f"oversize: more than {MAX_OBJECT} bytes in one event")
            else:
                groups.setdefault(record.index, []).append(record)
            if event.metric is not None and event.metric.kind == "exponential_histogram":
                self.host.count("shape_lost", reason="exponential_histogram")
        return groups, failed

    def _send(self, records: list[Record]) -> Failed:
        """Post records and return what was not delivered."""
        body = b"\n".join(each for record in records for each in record.objects)
        try:
            answer = self._post_readable(body)
        except RetryableError as error:
            return fail_all(records, error)
        failed = judge(answer, Sent(self._url, records, len(body)))
        too_large = answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or len(body) > CLOUD_LIMIT
        if too_large and len(records) > 1 and isinstance(failed.get(records[0].event_id), BatchTooLargeError):
            self._limit = min(self._limit, len(body) // 2)  # for the rest of the run
        return failed

    def _post_readable(self, body: bytes) -> HttpAnswer:
        """Post with compression; without it where that is refused."""
        answer = self._post(body, compress=self._compress)
        if self._compress and _unreadable(answer):
            answer = self._post(body, compress=False)
            self._compress = _unreadable(answer)  # if it is refused again, compression was not the cause
        return answer

    def _post(self, body: bytes, *, compress: bool) -> HttpAnswer:
        if self._client is None:
            raise ConfigurationError("the exporter was not started")
        headers = self._headers
        if compress:
            body, headers = gzip.compress(body, _GZIP_LEVEL, mtime=0), headers | {"Content-Encoding": "gzip"}
        return self._client.post(self._url, body, headers)


def _size(records: list[Record]) -> int:
    return sum(len(each) + 1 for record in records for each in record.objects) - 1


def _unreadable(answer: HttpAnswer) -> bool:
    """Whether an answer may mean that the server could not decompress the body; HEC itself answers so with HTML."""
    return answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNSUPPORTED_MEDIA_TYPE} and no_hec(answer)


def _busy(records: list[Record], lost: Failed) -> RetryableError | None:
    """Return why nothing more should be sent now, if all records failed for a reason that is not theirs."""
    error = lost.get(records[0].event_id)
    return RetryableError(str(error), retry_after=error.retry_after) if isinstance(error, RetryableError) else None
