"""The exporter against strict intakes: what goes where, in which form, failures, and secrets that stay secret."""

from __future__ import annotations

import json
import logging
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beacon_core import (
    Batch,
    BatchTooLargeError,
    ConfigurationError,
    ExportError,
    Host,
    Metric,
    PartialExportError,
    PermanentError,
    RetryableError,
    __version__,
)
from beacon_core.testing import ManualClock, Step, make_batch, make_event
from beacon_datadog.config import DatadogConfig
from beacon_datadog.exporter import DatadogExporter
from plugins.datadog.tests.datadog_server import DatadogServer, answer

Start = Callable[..., DatadogExporter]
KEY = "FAKE" * 8
TOKEN = "pub" + "FAKE" * 8


def point(number: int = 0, value: float = 1.0, **changes: Any) -> Any:
    return make_event(number, signal="metric", body=None, metric=Metric(kind="gauge", value=value), **changes)


def histogram(number: int, count: int = 2) -> Any:
    metric = Metric(
        kind="histogram", count=count, sum=1.5, temporality="delta", bucket_counts=[count, 0], explicit_bounds=[1.0]
    )
    return make_event(number, signal="metric", body=None, metric=metric)


def test_a_batch_of_logs_is_one_gzipped_array_with_the_documented_headers(intake: DatadogServer, start: Start) -> None:
    start(ddsource="ci", tags=["team:x"]).export(make_batch(3))
    assert intake.asked == [("/api/v2/logs", ["test-0", "test-1", "test-2"])]
    assert {(entry["ddsource"], entry["ddtags"]) for entry in intake.logs} == {("ci", "team:x")}
    (request,) = intake.requests
    assert request.path == "/api/v2/logs"  # nothing in the query, least of all tags
    sent = {name: value for name, value in request.headers.items() if name.startswith(("dd-", "content-e", "user"))}
    assert sent == {
        "dd-api-key": KEY,
        "dd-evp-origin": "beacon",
        "dd-evp-origin-version": __version__,
        "content-encoding": "gzip",
        "user-agent": f"beacon/{__version__}",
    }


def test_each_kind_of_event_goes_to_its_intake(intake: DatadogServer, start: Start) -> None:
    start().export(Batch("b", (make_event(0), point(1), make_event(2), histogram(3))))
    assert intake.asked == [
        ("/api/v2/logs", ["test-0", "test-2"]),
        ("/api/v2/series", ["test.event"]),
        ("/api/v1/distribution_points", ["test.event"]),
    ]
    assert [len(intake.logs), len(intake.series), len(intake.points)] == [2, 1, 1]


def test_histograms_can_be_series(intake: DatadogServer, start: Start) -> None:
    exporter = start(metrics={"endpoint": intake.url, "histograms": {"mode": "nobuckets"}})
    exporter.export(Batch("b", (histogram(0),)))
    assert intake.asked == [("/api/v2/series", ["test.event.count", "test.event.sum"])]
    assert exporter.host.counters.reasons("shape_lost", "datadog") == {"histogram": 1}


def test_one_intake_that_fails_keeps_back_only_its_own_events(intake: DatadogServer, start: Start) -> None:
    intake.turns = [None, answer(403)]
    with pytest.raises(PartialExportError) as raised:
        start().export(Batch("b", (make_event(0), point(1), histogram(2))))
    assert {key: type(error) for key, error in raised.value.failed.items()} == {"test-1": ConfigurationError}


@pytest.mark.parametrize("status", [400, 413])
def test_a_batch_of_which_nothing_was_delivered_is_halved_as_a_whole(
    intake: DatadogServer, start: Start, status: int
) -> None:
    intake.turns = [answer(status)]
    with pytest.raises(BatchTooLargeError):
        start().export(Batch("b", (make_event(0), make_event(1), point(2))))
    assert len(intake.requests) == 1


@pytest.mark.parametrize("status", [400, 413])
def test_an_intake_that_wants_halves_comes_first_the_next_time(
    intake: DatadogServer, start: Start, status: int
) -> None:
    """Otherwise new logs would be delivered before the points for ever, and the bad point never be found."""
    exporter = start()
    points = [point(1, name="a"), point(2, name="b")]
    intake.turns = [None, answer(status)]
    with pytest.raises(PartialExportError) as raised:
        exporter.export(Batch("b", (make_event(0), *points)))
    assert {type(error) for error in raised.value.failed.values()} == {RetryableError}
    intake.turns = [answer(status)]
    with pytest.raises(BatchTooLargeError):
        exporter.export(Batch("b", (*points, make_event(3))))
    assert [path for path, _ in intake.asked] == ["/api/v2/logs", "/api/v2/series", "/api/v2/series"]
    assert intake.ids == ["test-0"]


def test_a_metric_point_without_a_number_is_a_dead_letter(intake: DatadogServer, start: Start) -> None:
    with pytest.raises(PermanentError, match="without a number"):
        start().export(Batch("b", (point(0, float("nan")),)))
    assert intake.requests == []


def test_another_success_than_202_is_delivered_and_counted(intake: DatadogServer, start: Start) -> None:
    exporter = start()
    intake.turns = [None, Step(status=200), Step(status=204, body=b"")]
    for _ in range(3):
        exporter.export(make_batch())
    assert exporter.host.counters.reasons("unusual_success", "datadog") == {"HTTP 200": 1, "HTTP 204": 1}


def test_a_cut_entry_and_a_renamed_attribute_are_counted_once_they_are_delivered(
    intake: DatadogServer, start: Start
) -> None:
    exporter = start()
    batch = make_batch(1, body="x" * 1_000_000, attributes={"status": 1})
    intake.turns = [answer(429)]
    with pytest.raises(RetryableError):
        exporter.export(batch)
    exporter.export(batch)
    assert exporter.host.counters.get("truncated", "datadog") == 1
    assert exporter.host.counters.get("renamed", "datadog") == 1
    assert intake.logs[0]["beacon.truncated"] is True


def test_events_that_datadog_gives_another_time_are_counted_and_told_of_once(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    exporter = start(Host("datadog", clock=clock))
    hour = 3_600_000_000_000
    offsets = (-18 * hour - 1, -18 * hour, 0, 2 * hour, 2 * hour + 1)
    logs = tuple(make_event(n, time_unix_nano=clock.now + offset) for n, offset in enumerate(offsets))
    offsets = (-hour - 1, -hour, hour // 6, hour // 6 + 1)
    points = tuple(point(n, id=f"p-{n}", time_unix_nano=clock.now + offset) for n, offset in enumerate(offsets))
    for _ in range(2):
        exporter.export(Batch("b", logs + points))
    assert exporter.host.counters.reasons("outside_window", "datadog") == {"log": 4, "metric": 4}
    said = [record.getMessage() for record in caplog.records if "outside" in record.getMessage()]
    assert [text.partition(": ")[2] for text in said] == [
        "they get the time of receipt; the true one is in otel.timestamp",
        "it leaves them out",
    ]


def test_a_client_token_sends_everything_to_the_browser_intake(intake: DatadogServer, start: Start) -> None:
    intake.key = TOKEN
    start().export(Batch("b", (make_event(0), point(1))))
    assert [entry["message"] for entry in intake.logs] == ["event 0", "test.event"]
    assert intake.series == []


def test_every_request_of_the_browser_intake_has_an_id_of_its_own(intake: DatadogServer, start: Start) -> None:
    intake.key = TOKEN
    exporter = start()
    exporter.export(make_batch())
    exporter.export(make_batch())
    assert len({request.path for request in intake.requests}) == 2


def test_a_busy_intake_is_waited_for(intake: DatadogServer, start: Start) -> None:
    intake.turns = [Step(status=429, headers={"Retry-After": "9"})]
    with pytest.raises(RetryableError) as raised:
        start().export(make_batch())
    assert (raised.value.retry_after, raised.value.ambiguous) == (9.0, False)


def test_a_redirect_is_not_followed_with_the_key(intake: DatadogServer, start: Start) -> None:
    intake.turns = [Step(status=307, headers={"Location": intake.url + "/elsewhere"})]
    with pytest.raises(ConfigurationError, match="redirects are not followed"):
        start().export(make_batch())
    assert len(intake.requests) == 1


@pytest.mark.parametrize("fault", ["close", "reset", "half"])
def test_an_answer_that_never_comes_is_ambiguous(intake: DatadogServer, start: Start, fault: Any) -> None:
    intake.turns = [Step(fault=fault)]
    with pytest.raises(RetryableError) as raised:
        start().export(make_batch())
    assert raised.value.ambiguous


def test_a_refused_connection_is_not_ambiguous(start: Start) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(RetryableError, match="refused") as raised:
            start(logs={"endpoint": endpoint}).export(make_batch())
    assert not raised.value.ambiguous


def test_a_proxy_gets_the_requests(intake: DatadogServer, start: Start) -> None:
    intake.turns = [answer(202)]
    start(proxy_url=intake.url, logs={"endpoint": "http://logs.invalid"}).export(make_batch())
    assert [request.path for request in intake.requests] == ["http://logs.invalid/api/v2/logs"]


def test_what_may_not_be_meant_is_said_at_the_start(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    start()
    assert caplog.text == ""
    start(api={"key": TOKEN}, tls={"insecure_skip_verify": True})
    assert "metrics.endpoint is not used: with a client token" in caplog.text
    assert "tls.insecure_skip_verify: whoever answers at" in caplog.text


def test_the_address_of_the_web_application_is_understood_and_explained(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    start(api={"key": KEY, "site": "app.datadoghq.eu"})
    assert "api.site: the site is datadoghq.eu" in caplog.text


@pytest.mark.parametrize("key", [KEY, TOKEN])
def test_p7_key_and_client_token_are_in_no_repr_error_traceback_or_log(
    intake: DatadogServer, start: Start, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    caplog.set_level(logging.DEBUG)
    intake.key = key
    exporter = start()
    intake.turns = [
        None,
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


def test_p10_certificates_that_cannot_be_read_stop_the_start(start: Start, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="tls"):
        start(tls={"ca_file": str(tmp_path / "missing.pem")})


def test_shutdown_is_safe_unstarted_and_twice(start: Start) -> None:
    DatadogExporter(DatadogConfig.model_validate({"api": {"key": KEY}})).shutdown(1)
    exporter = start()
    exporter.shutdown(1)
    exporter.shutdown(1)
    with pytest.raises(ConfigurationError, match="not started"):
        exporter.export(make_batch())
