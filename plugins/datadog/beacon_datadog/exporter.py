"""The Datadog exporter: logs and spans to the logs intake, metrics to the metric intakes, one attempt each."""

from __future__ import annotations

import logging
from http import HTTPStatus

from beacon_core import (
    Batch,
    BatchTooLargeError,
    ConfigurationError,
    Exporter,
    Host,
    HttpClient,
    RetryableError,
    __version__,
    raise_failures,
)
from beacon_datadog.answers import Failed, judge
from beacon_datadog.config import DatadogConfig
from beacon_datadog.intakes import Intakes, Request
from beacon_datadog.windows import Windows


class DatadogExporter(Exporter):
    """Sends events to Datadog: `datadog`. Delivered means accepted: Datadog tells nothing of what it indexes."""

    config_class = DatadogConfig
    config: DatadogConfig
    concurrent = True
    _client: HttpClient | None = None

    def start(self, host: Host) -> None:
        super().start(host)
        config = self.config
        key = config.api.key.get_secret_value()
        self._intakes = Intakes(config)
        self._windows = Windows(host)
        self._client = HttpClient(config.timeout, config.tls, secrets=[key], clock=host.clock, proxy=config.proxy_url)
        _warn(config, host.logger)

    def export(self, batch: Batch) -> None:
        if self._client is None:
            raise ConfigurationError("the exporter was not started")
        requests, failed = self._intakes.requests(batch)
        delivered = False
        for request in requests:
            error = self._send(request)
            if isinstance(error, BatchTooLargeError) and len(request.events) > 1 and not delivered:
                raise error  # halving the whole batch repeats nothing
            delivered = delivered or error is None
            failed |= _fail_all(request, error)
        raise_failures(batch, failed)

    def probe(self) -> str:
        """Ask whether the API key is valid: Datadog API reference, "Validate API key". None tells of client tokens."""
        client = self._client
        if client is None:
            raise ConfigurationError("the exporter was not started")
        if self.config.has_client_token:
            return "not asked: Datadog does not say whether a client token is valid"
        url, key = self.config.validate_url, self.config.api.key.get_secret_value()
        answer = client.get(url, {"DD-API-KEY": key, "User-Agent": f"beacon/{__version__}"})
        refusal = judge(answer, url, events=0)
        if refusal is not None:
            raise refusal
        return f"the key is valid on {self.config.api.site_name}"

    def shutdown(self, timeout: float) -> None:  # noqa: ARG002 - closing waits for nothing
        if self._client is not None:
            self._client.close()
            self._client = None

    def _send(self, request: Request) -> Exception | None:
        """Post a request; return why its events were not delivered, None if they were."""
        client = self._client  # another thread may shut down meanwhile
        if client is None:
            return RetryableError(f"{request.url}: nothing was sent, the exporter is shut down")
        headers = request.headers | {"User-Agent": f"beacon/{__version__}"}
        try:
            answer = client.post(request.url, request.body, headers, query=request.query)
        except (RetryableError, ConfigurationError) as error:
            return error
        refusal = judge(answer, request.url, events=len(request.events))
        if isinstance(refusal, BatchTooLargeError):
            self._intakes.refused(request, too_large=answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif refusal is None:
            self._delivered(request, answer.status)
        return refusal

    def _delivered(self, request: Request, status: int) -> None:
        for (name, reason), amount in request.noted.items():
            self.host.count(name, amount, reason=reason)
        if status != HTTPStatus.ACCEPTED:
            self.host.count("unusual_success", reason=f"HTTP {status}")
        self._windows.check(request.events)


def _warn(config: DatadogConfig, logger: logging.Logger) -> None:
    """Say what works and may not be meant."""
    if config.tls.insecure_skip_verify:
        logger.warning("tls.insecure_skip_verify: whoever answers at %s gets the key", config.logs_url)
    if config.api.site != config.api.site_name:
        logger.warning(
            "api.site: the site is %s; `app.` is only in the address of the web application", config.api.site_name
        )
    if config.has_client_token and config.metrics.endpoint:
        logger.warning("metrics.endpoint is not used: with a client token metrics go to the browser intake, as logs")


def _fail_all(request: Request, error: Exception | None) -> Failed:
    return {} if error is None else {event.id: error for event in request.events}
