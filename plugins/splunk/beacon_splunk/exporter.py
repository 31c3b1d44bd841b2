"""The Splunk exporter: one request for each index, one attempt, the answer read to the letter."""

from __future__ import annotations

import threading
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
    gzip_body,
    raise_failures,
)
from beacon_splunk.acknowledgements import Accepted, Acknowledgements
from beacon_splunk.answers import (
    CLOUD_LIMIT,
    MAX_OBJECT,
    Failed,
    Sent,
    Verdict,
    code_of,
    fail_all,
    judge,
    no_hec,
    refusal,
)
from beacon_splunk.config import SplunkHecConfig, ack_url, event_url, health_url, is_cloud
from beacon_splunk.encoding import Body, Encoder, Record
from beacon_splunk.layout import layout_of
from beacon_splunk.pace import Pace

_NO_DATA = 5
_SHORTEST_SECRET = 8  # shorter ones stand in answers by chance
#: Events refused one after the other, none accepted between them, after which the fault is not the events'.
MAX_REFUSED = 100


class SplunkHecExporter(Exporter):
    """Sends events to Splunk's HTTP Event Collector: `splunk_hec`.

    Delivered means accepted by Splunk; with a token that has indexer acknowledgement, stored by the indexers.
    """

    config_class = SplunkHecConfig
    config: SplunkHecConfig
    concurrent = True
    _client: HttpClient | None = None

    def start(self, host: Host) -> None:
        super().start(host)
        config = self.config
        self._url = event_url(config.endpoint)
        self._layout = layout_of(config)
        self._limit = self._body_limit()
        self._compress = not config.disable_compression
        self._refused = 0
        token = config.token.get_secret_value()
        added = {name: value.get_secret_value().strip() for name, value in config.headers.items()}
        self._headers = added | {
            "Authorization": f"Splunk {token}",
            "Content-Type": "application/json",
            "User-Agent": f"beacon/{__version__}",
            "X-Splunk-Request-Channel": str(uuid.uuid4()),
        }
        self._closing = threading.Event()
        self._pace = Pace(config.max_in_flight, self._closing.wait)
        self._acknowledgements = Acknowledgements(
            config.acknowledgements, self._ask, ack_url(config.endpoint), self._closing, host
        )
        secrets = [token, *(value for value in added.values() if len(value) >= _SHORTEST_SECRET)]
        self._client = HttpClient(config.timeout, config.tls, secrets=secrets, clock=host.clock, proxy=config.proxy_url)
        if config.tls.insecure_skip_verify:
            host.logger.warning("tls.insecure_skip_verify: whoever answers at %s gets the token", self._url)

    def export(self, batch: Batch) -> None:
        bodies, failed = self._encode(batch)
        for body in bodies:
            if len(body.records) > 1 and len(body.text) > self._limit:
                raise BatchTooLargeError(f"more than {self._limit} bytes for one request to {self._url}")
        if bodies:
            self._acknowledgements.ensure()
        busy: RetryableError | None = None
        accepted: list[Accepted] = []
        for body in bodies:
            records = body.records
            if busy is not None:
                failed |= fail_all(records, busy)
                continue
            verdict = self._send(body)
            failed |= verdict.failed
            busy = _busy(records, verdict.failed)
            lost = verdict.failed
            taken = [record for record in records if record.event_id not in lost] if lost else records
            if taken:
                accepted.append(Accepted(taken, verdict.ack_id, verdict.hurry))
        raise_failures(batch, failed | self._acknowledgements.wait(accepted))

    def probe(self) -> str:
        """Ask for the collector's health, then, with a request without an event, whether it takes the token.

        Splunk, "HTTP Event Collector REST API endpoints": `/health`, and code 5 (no data) for an empty body, which
        comes after the check of the token. Neither says whether the token may write to the index.
        """
        client = self._client
        if client is None:
            raise ConfigurationError("the exporter was not started")
        url = health_url(self.config.endpoint)
        answer = client.get(url, self._headers)
        if answer.status != HTTPStatus.OK:
            raise refusal(answer, url)
        empty = self._post(self._url, b"", compress=False)
        if code_of(empty) != _NO_DATA:
            raise refusal(empty, self._url)
        return "healthy, and takes the token"

    def shutdown(self, timeout: float) -> None:  # noqa: ARG002 - closing waits for nothing
        if self._client is not None:
            self._closing.set()  # whoever waits for an acknowledgement gives up
            self._client.close()
            self._client = None

    def _body_limit(self) -> int:
        """Return how many bytes a body may have."""
        wanted = int(self.config.max_content_length)
        if wanted > CLOUD_LIMIT and is_cloud(self.config.endpoint):
            self.host.logger.warning("max_content_length: Splunk Cloud takes %d bytes at most", CLOUD_LIMIT)
            return CLOUD_LIMIT
        if wanted > MAX_OBJECT:
            self.host.logger.warning(
                "max_content_length is above %d bytes: Splunk Cloud refuses such bodies", MAX_OBJECT
            )
        return wanted

    def _encode(self, batch: Batch) -> tuple[list[Body], Failed]:
        """Return a body for each index (a wrong index stops the rest of a body), and what cannot be sent at all."""
        encoder = Encoder(self._layout)
        largest = int(self.config.max_event_size)
        bodies: dict[str | None, Body] = {}
        failed: Failed = {}
        done = 0
        while done < len(batch):
            event = batch.events[done]
            plain = encoder.plain(event)
            if plain is not None:
                body = bodies.get(plain.index) or Body()
                added = body.add_plain(plain, batch.events, done, largest)
                if added:
                    bodies[plain.index] = body
                    done += added
                    continue
            index, objects = encoder.encode(event)
            if not objects:
                failed[event.id] = PermanentError("a metric point without a number: nothing that Splunk could store")
            elif not bodies.setdefault(index, Body()).add(event.id, index, objects, largest):
                failed[event.id] = PermanentError(f"oversize: more than {largest} bytes in one event")
            if event.metric is not None and event.metric.kind == "exponential_histogram":
                self.host.count("shape_lost", reason="exponential_histogram")
            done += 1
        return [body for body in bodies.values() if body.records], failed

    def _send(self, content: Body) -> Verdict:
        """Post events and return what was not accepted."""
        records, body = content.records, content.text
        try:
            with self._pace.turn():
                answer = self._post_readable(body)
        except (RetryableError, ConfigurationError) as error:
            return Verdict(fail_all(records, error))
        verdict = judge(answer, Sent(self._url, records, len(body)))
        self._adapt(verdict)
        too_large = answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or len(body) > CLOUD_LIMIT
        if too_large and len(records) > 1 and isinstance(verdict.failed.get(records[0].event_id), BatchTooLargeError):
            self._limit = min(self._limit, len(body) // 2)  # for the rest of the run
        return self._doubted(records, verdict)

    def _adapt(self, verdict: Verdict) -> None:
        """Go slower when Splunk is nearly full, and as before when it is no more."""
        if verdict.slow_down:
            self.host.count("slowed_down")
            self._pace.slow_down()
        elif not verdict.failed:
            self._pace.plain_success()

    def _doubted(self, records: list[Record], verdict: Verdict) -> Verdict:
        """Keep events where Splunk refuses one after the other: that is no fault of theirs."""
        if len(verdict.failed) < len(records):
            self._refused = 0
        self._refused += verdict.refused
        if not verdict.refused or self._refused <= MAX_REFUSED:
            return verdict
        said = next(str(error) for error in verdict.failed.values() if isinstance(error, PermanentError))
        error = ConfigurationError(f"more than {MAX_REFUSED} events in a row were refused, the last one with: {said}")
        return Verdict(dict.fromkeys(verdict.failed, error), verdict.ack_id)

    def _post_readable(self, body: bytearray) -> HttpAnswer:
        """Post with compression; without it where that is refused."""
        answer = self._post(self._url, body, compress=self._compress)
        if self._compress and _unreadable(answer):
            answer = self._post(self._url, body, compress=False)
            self._compress = _unreadable(answer)  # if it is refused again, compression was not the cause
        return answer

    def _ask(self, question: bytes) -> HttpAnswer:
        """Ask for acknowledgements."""
        return self._post(ack_url(self.config.endpoint), question, compress=False)

    def _post(self, url: str, body: bytes | bytearray, *, compress: bool) -> HttpAnswer:
        client = self._client  # another thread may shut down meanwhile
        if client is None:
            raise ConfigurationError("the exporter was not started")
        headers = self._headers
        if compress:
            body, headers = gzip_body(body), headers | {"Content-Encoding": "gzip"}
        return client.post(url, bytes(body), headers)


def _unreadable(answer: HttpAnswer) -> bool:
    """Whether an answer may mean that the server could not decompress the body; HEC itself answers so with HTML."""
    return answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNSUPPORTED_MEDIA_TYPE} and no_hec(answer)


def _busy(records: list[Record], lost: Failed) -> RetryableError | None:
    """Return why nothing more should be sent now, if all records failed for a reason that is not theirs."""
    error = lost.get(records[0].event_id)
    return RetryableError(str(error), retry_after=error.retry_after) if isinstance(error, RetryableError) else None
