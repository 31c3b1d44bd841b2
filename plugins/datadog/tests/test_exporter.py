"""The exporter against a local server: intakes, keys, limits, failures, and secrets that stay secret."""

from __future__ import annotations

import json
import logging
import socket
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from beacon_core import (
    Batch,
    BatchTooLargeError,
    ConfigurationError,
    ExportError,
    Metric,
    PartialExportError,
    PermanentError,
    RetryableError,
    __version__,
)
from beacon_core.testing import Step, make_batch, make_event
from beacon_datadog.config import DatadogConfig
from beacon_datadog.exporter import DatadogExporter

Start = Callable[..., DatadogExporter]
Intake = Any  # of conftest.py, which cannot be imported
KEY = "pub" + "FAKE" * 8  # a client token; the tests of the API-key intake use API_KEY
API_KEY = "FAKE" * 8


@pytest.fixture
def start_with_key(intake: Intake, start: Start) -> Start:
    intake.key = API_KEY
    return start


def config(**options: Any) -> DatadogConfig:
    return DatadogConfig.model_validate({"api": {"key": API_KEY}} | options)


def point(number: int = 0, value: float = 1.0) -> Any:
    return make_event(number, signal="metric", body=None, metric=Metric(kind="gauge", value=value))


def test_a_batch_of_logs_is_one_gzipped_array_with_the_documented_headers(
    intake: Intake, start_with_key: Start
) -> None:
    start_with_key(ddsource="ci", tags=["team:x"]).export(make_batch(3))
    assert [[each["beacon_id"] for each in entries] for entries in intake.logs] == [["test-0", "test-1", "test-2"]]
    assert {(each["ddsource"], each["ddtags"]) for each in intake.logs[0]} == {("ci", "team:x")}
    (headers,) = intake.headers
    assert headers["content-encoding"] == "gzip"
    assert (headers["dd-evp-origin"], headers["dd-evp-origin-version"]) == ("beacon", __version__)
    assert headers["user-agent"] == f"beacon/{__version__}"


def test_metrics_go_to_the_series_intake_and_the_rest_to_the_logs_intake(intake: Intake, start_with_key: Start) -> None:
    start_with_key().export(Batch("b", (make_event(0), point(1), make_event(2))))
    assert [len(entries) for entries in intake.logs] == [2]
    assert [[each["metric"] for each in series] for series in intake.series] == [["test.event"]]


def test_one_intake_that_fails_keeps_back_only_its_own_events(intake: Intake, start_with_key: Start) -> None:
    intake.answers = [Step(status=202), Step(status=403, body=b'{"errors": ["Forbidden"]}')]
    with pytest.raises(PartialExportError) as raised:
        start_with_key().export(Batch("b", (make_event(0), point(1))))
    assert {key: type(error) for key, error in raised.value.failed.items()} == {"test-1": ConfigurationError}


def test_a_metric_point_without_a_number_is_a_dead_letter(intake: Intake, start_with_key: Start) -> None:
    with pytest.raises(PermanentError, match="without a number"):
        start_with_key().export(Batch("b", (point(0, float("nan")),)))
    assert intake.requests == 0


def test_the_shape_that_a_histogram_loses_is_counted(start_with_key: Start) -> None:
    exporter = start_with_key()
    metric = Metric(kind="histogram", count=1, sum=1.0, temporality="delta")
    exporter.export(Batch("b", (make_event(signal="metric", metric=metric),)))
    assert exporter.host.counters.reasons("shape_lost", "datadog") == {"histogram": 1}


def test_more_than_1000_entries_are_not_sent_together(intake: Intake, start_with_key: Start) -> None:
    exporter = start_with_key()
    with pytest.raises(BatchTooLargeError):
        exporter.export(make_batch(1001))
    assert intake.requests == 0
    exporter.export(make_batch(1000))


def test_more_than_4_million_bytes_as_they_go_out_are_not_sent_together(intake: Intake, start_with_key: Start) -> None:
    exporter = start_with_key()
    with pytest.raises(BatchTooLargeError):
        exporter.export(make_batch(5, body='"' * 420_000))  # escaped it is twice as long
    assert intake.requests == 0
    exporter.export(make_batch(4, body='"' * 420_000))


def test_a_cut_entry_and_a_renamed_attribute_are_counted(start_with_key: Start) -> None:
    exporter = start_with_key()
    exporter.export(make_batch(1, body="x" * 1_000_000, attributes={"status": 1}))
    assert exporter.host.counters.get("truncated", "datadog") == 1
    assert exporter.host.counters.get("renamed", "datadog") == 1


def test_a_client_token_sends_everything_to_the_browser_intake(intake: Intake, start: Start) -> None:
    start().export(Batch("b", (make_event(0), point(1))))
    assert [[each["message"] for each in entries] for entries in intake.browser] == [["event 0", "test.event"]]
    (query,) = intake.queries
    assert query["ddsource"] == ["browser"]
    assert query["dd-evp-origin"] == ["browser"]
    assert uuid.UUID(query["dd-request-id"][0]).version == 4


def test_a_busy_intake_is_waited_for(intake: Intake, start_with_key: Start) -> None:
    intake.answers = [Step(status=429, headers={"Retry-After": "9"})]
    with pytest.raises(RetryableError) as raised:
        start_with_key().export(make_batch())
    assert (raised.value.retry_after, raised.value.ambiguous) == (9.0, False)


def test_a_redirect_is_not_followed_with_the_key(intake: Intake, start_with_key: Start) -> None:
    intake.answers = [Step(status=307, headers={"Location": intake.url + "/elsewhere"})]
    with pytest.raises(ConfigurationError, match="redirects are not followed"):
        start_with_key().export(make_batch())
    assert intake.requests == 1


def test_an_answer_that_never_comes_is_ambiguous(intake: Intake, start_with_key: Start) -> None:
    intake.answers = [Step(fault="close")]
    with pytest.raises(RetryableError) as raised:
        start_with_key().export(make_batch())
    assert raised.value.ambiguous


def test_a_refused_connection_is_not_ambiguous(start_with_key: Start) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(RetryableError, match="refused") as raised:
            start_with_key(logs={"endpoint": endpoint}).export(make_batch())
    assert not raised.value.ambiguous


@pytest.mark.parametrize("key", [API_KEY, KEY])
def test_p7_key_and_client_token_are_in_no_repr_error_traceback_or_log(
    intake: Intake, start: Start, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    caplog.set_level(logging.DEBUG)
    intake.key = key
    exporter = start()
    intake.answers = [
        Step(status=202),
        Step(status=403, body=json.dumps({"errors": [f"key {key} is wrong"]}).encode()),
        Step(status=400, body=f"<p>{key}</p>".encode()),
        Step(fault="close"),
    ]
    shown = [repr(exporter.config), str(exporter.config), exporter.config.model_dump_json(), repr(exporter)]
    exporter.export(make_batch())
    for _ in range(3):
        with pytest.raises((ExportError, ConfigurationError)) as raised:
            exporter.export(make_batch())
        shown += [str(raised.value), repr(raised.value), "".join(traceback.format_exception(raised.value))]
    everything = "".join(shown) + caplog.text
    assert key not in everything
    assert "dd-api-key" not in everything
    assert "key [REDACTED] is wrong" in everything
    assert "/api/v2/logs" in caplog.text  # httpx does log its requests


def test_site_and_key_come_from_the_environment_when_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DD_SITE", "us5.datadoghq.com")
    monkeypatch.setenv("DD_API_KEY", API_KEY + "\n")
    options = DatadogConfig()
    assert options.api.site == "us5.datadoghq.com"
    assert options.api.key.get_secret_value() == API_KEY
    assert DatadogConfig.model_validate({"api": {"site": "datadoghq.eu"}}).logs_url.endswith("datadoghq.eu/api/v2/logs")


def test_p10_no_key_at_all_is_said_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DD_API_KEY", raising=False)
    for options in ({}, {"api": {"site": "datadoghq.eu"}}):
        with pytest.raises(ValidationError, match="DD_API_KEY") as raised:
            DatadogConfig.model_validate(options)
        assert [error["loc"] for error in raised.value.errors()] == [("api", "key")]


@pytest.mark.parametrize(
    ("site", "key", "logs", "metrics"),
    [
        ("datadoghq.com", API_KEY, "http-intake.logs.datadoghq.com", "api.datadoghq.com"),
        ("app.datadoghq.eu", API_KEY, "http-intake.logs.datadoghq.eu", "api.datadoghq.eu"),
        ("us2.ddog-gov.com", API_KEY, "http-intake.logs.us2.ddog-gov.com", "api.us2.ddog-gov.com"),
        ("us3.datadoghq.com", KEY, "browser-intake-us3-datadoghq.com", "api.us3.datadoghq.com"),
        ("ddog-gov.com", KEY, "browser-intake-ddog-gov.com", "api.ddog-gov.com"),
    ],
)
def test_the_intakes_follow_from_site_and_key(site: str, key: str, logs: str, metrics: str) -> None:
    options = config(api={"site": site, "key": key})
    assert options.logs_url == f"https://{logs}/api/v2/logs"
    assert options.metrics_url == f"https://{metrics}/api/v2/series"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://127.0.0.1:9/", "http://127.0.0.1:9/api/v2/logs"])
def test_an_endpoint_is_an_origin_or_a_full_url(endpoint: str) -> None:
    assert config(logs={"endpoint": endpoint}).logs_url == "http://127.0.0.1:9/api/v2/logs"


@pytest.mark.parametrize(
    "options",
    [
        {"api": {"key": API_KEY, "site": "datadog.eu"}},
        {"api": {"key": "two words"}},
        {"logs": {"endpoint": "datadoghq.com"}},
        {"logs": {"endpoint": "https://user:hunter2@host"}},
        {"logs": {"endpoint": "https://host?dd-api-key=hunter2"}},
        {"logs": {"endpoint": "https://browser-intake-datadoghq.com"}},
        {"api": {"key": KEY}, "logs": {"endpoint": "https://http-intake.logs.datadoghq.com"}},
        {"tags": ["a:b,c:d"]},
        {"tls": {"key_file": "key.pem"}},
    ],
)
def test_p10_options_that_cannot_work_are_refused_and_no_credential_repeated(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        config(**options)
    assert not any(secret in str(raised.value) for secret in ("hunter2", API_KEY, KEY))


def test_p10_certificates_that_cannot_be_read_stop_the_start(start: Start, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="tls"):
        start(tls={"ca_file": str(tmp_path / "missing.pem")})


def test_shutdown_is_safe_unstarted_and_twice(start: Start) -> None:
    DatadogExporter(config()).shutdown(1)
    exporter = start()
    exporter.shutdown(1)
    exporter.shutdown(1)
    with pytest.raises(ConfigurationError, match="not started"):
        exporter.export(make_batch())


def test_the_example_of_the_readme_is_valid() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    example = readme.split("```yaml\n")[1].split("```")[0]
    DatadogConfig.model_validate(yaml.safe_load(example)["exporters"]["datadog"])
