"""What `beacon doctor` asks Datadog: whether the key is valid."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from beacon_core import ConfigurationError, Host, RetryableError
from beacon_core.testing import FaultyServer, Request, Step
from beacon_datadog.config import DatadogConfig
from beacon_datadog.exporter import DatadogExporter

KEY = "0123456789abcdef" * 2


def asked(answer: Callable[[Request], Step], key: str = KEY) -> str:
    with FaultyServer(answer) as server:
        options = {"api": {"key": key, "site": "datadoghq.eu"}, "metrics": {"endpoint": server.url}}
        exporter = DatadogExporter(DatadogConfig.model_validate(options))
        exporter.start(Host("datadog"))
        try:
            return exporter.probe()
        finally:
            exporter.shutdown(1)


def test_a_key_is_asked_for_on_its_site() -> None:
    def answer(request: Request) -> Step:
        assert (request.method, request.path) == ("GET", "/api/v1/validate")
        assert request.headers["dd-api-key"] == KEY
        return Step(body=b'{"valid":true}')

    assert asked(answer) == "the key is valid on datadoghq.eu"


def test_p7_a_key_that_is_refused_is_the_operators_to_correct() -> None:
    with pytest.raises(ConfigurationError, match="403") as caught:
        asked(lambda request: Step(status=403, body=str(dict(request.headers)).encode()))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("step", [Step(status=503), Step(status=429), Step(fault="reset")])
def test_an_intake_that_is_busy_or_away_says_nothing_of_the_key(step: Step) -> None:
    with pytest.raises(RetryableError):
        asked(lambda _request: step)


def test_nobody_is_asked_about_a_client_token() -> None:
    def answer(_request: Request) -> Step:
        raise AssertionError

    assert asked(answer, "pub" + "0123456789abcdef" * 2).startswith("not asked")


def test_an_exporter_that_was_not_started_asks_nobody() -> None:
    with pytest.raises(ConfigurationError, match="not started"):
        DatadogExporter(DatadogConfig.model_validate({"api": {"key": KEY}})).probe()
