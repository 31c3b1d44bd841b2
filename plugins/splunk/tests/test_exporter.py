"""The exporter against a local server: headers, compression, indexes, failures, and secrets that stay secret."""

from __future__ import annotations

import json
import logging
import socket
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
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
from beacon_splunk.config import SplunkHecConfig, ack_url, event_url
from beacon_splunk.exporter import SplunkHecExporter
from plugins.splunk.tests.hec_server import HTML, HecServer, reply

Start = Callable[..., SplunkHecExporter]
TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"


def headers_of(hec: HecServer) -> list[Mapping[str, str]]:
    return [request.headers for request in hec.requests]


def config(**options: Any) -> SplunkHecConfig:
    return SplunkHecConfig.model_validate({"endpoint": "https://splunk.example:8088", "token": TOKEN, **options})


def test_a_batch_is_one_gzipped_request_with_the_documented_headers(hec: HecServer, start: Start) -> None:
    exporter = start(index="agents", source="ci")
    exporter.export(make_batch(3))
    exporter.export(make_batch(1, id="next"))
    assert [len(objects) for objects in hec.batches] == [3, 1]
    assert [each["fields"]["beacon_id"] for each in hec.batches[0]] == ["test-0", "test-1", "test-2"]
    assert {(each["index"], each["source"]) for each in hec.batches[0]} == {("agents", "ci")}
    first, second = headers_of(hec)
    assert first["content-type"] == "application/json"
    assert first["content-encoding"] == "gzip"
    assert first["user-agent"] == f"beacon/{__version__}"
    assert uuid.UUID(first["x-splunk-request-channel"]).version == 4
    assert first["x-splunk-request-channel"] == second["x-splunk-request-channel"]


def test_compression_can_be_switched_off(hec: HecServer, start: Start) -> None:
    start(disable_compression=True).export(make_batch())
    assert "content-encoding" not in hec.requests[0].headers


def test_a_server_that_takes_no_gzip_gets_plain_bodies_from_then_on(hec: HecServer, start: Start) -> None:
    hec.whims = [Step(status=415, body=HTML)]
    exporter = start()
    exporter.export(make_batch())
    exporter.export(make_batch())
    assert [headers.get("content-encoding") for headers in headers_of(hec)] == ["gzip", None, None]


def test_a_400_of_a_proxy_is_tried_plain_once_and_then_searched_in_halves(hec: HecServer, start: Start) -> None:
    hec.whims = [Step(status=400, body=HTML)] * 2
    exporter = start()
    with pytest.raises(BatchTooLargeError, match="not an answer of HEC"):
        exporter.export(make_batch(2))
    exporter.export(make_batch())
    assert [headers.get("content-encoding") for headers in headers_of(hec)] == ["gzip", None, "gzip"]


def test_events_of_different_indexes_go_in_different_requests(hec: HecServer, start: Start) -> None:
    events = [make_event(n, resource={"com.splunk.index": index}) for n, index in enumerate("aba")]
    hec.indexes = {"a"}
    with pytest.raises(PartialExportError) as raised:
        start().export(Batch("mixed", tuple(events)))
    assert [[each["index"] for each in objects] for objects in hec.batches] == [["a", "a"], ["b"]]
    assert {key: type(error) for key, error in raised.value.failed.items()} == {"test-1": ConfigurationError}


def test_a_busy_server_is_not_asked_again_for_the_next_index(hec: HecServer, start: Start) -> None:
    events = [make_event(n, resource={"com.splunk.index": index}) for n, index in enumerate("ab")]
    hec.whims = [replace(reply(9, status=503), headers={"Retry-After": "3"})]
    with pytest.raises(PartialExportError) as raised:
        start().export(Batch("mixed", tuple(events)))
    assert len(hec.batches) == 1
    errors = list(raised.value.failed.values())
    assert [isinstance(error, RetryableError) and error.retry_after for error in errors] == [3.0, 3.0]


def test_a_body_above_the_limit_is_not_sent(hec: HecServer, start: Start) -> None:
    exporter = start(max_content_length=1000)
    with pytest.raises(BatchTooLargeError):
        exporter.export(make_batch(20))
    assert hec.batches == []
    exporter.export(make_batch(1, body="x" * 2000))
    assert len(hec.batches) == 1


def test_a_shutdown_between_two_requests_takes_nothing_back_from_the_first(hec: HecServer, start: Start) -> None:
    exporter = start()
    client = exporter._client
    assert client is not None
    hec.whims = [lambda _request: setattr(exporter, "_client", None)]
    events = [make_event(n, resource={"com.splunk.index": index}) for n, index in enumerate("ab")]
    with pytest.raises(PartialExportError) as raised:
        exporter.export(Batch("b", tuple(events)))
    assert (list(raised.value.failed), hec.ids) == (["test-1"], ["test-0"])
    client.close()


@pytest.mark.parametrize(
    ("options", "limit", "warned"),
    [
        ({"endpoint": "https://splunk.example"}, 2 * 1024**2, False),
        ({"endpoint": "https://splunk.example", "max_content_length": "20MB"}, 20_000_000, True),
        ({"endpoint": "https://http-inputs-me.splunkcloud.com"}, 2 * 1024**2, False),
        ({"endpoint": "https://http-inputs-me.splunkcloud.com", "max_content_length": "20MB"}, 5 * 1024**2, True),
    ],
)
def test_a_body_has_2_mib_at_most_unless_told_otherwise_and_5_mib_for_splunk_cloud(
    start: Start, caplog: pytest.LogCaptureFixture, options: dict[str, str], limit: int, warned: bool
) -> None:
    exporter = start(**options)
    assert ("max_content_length" in caplog.text) is warned
    with pytest.raises(BatchTooLargeError, match=f"more than {limit} bytes"):
        exporter.export(make_batch(20, body="x" * (limit // 19)))


@pytest.mark.parametrize("size", [1000, 20_000])
def test_events_above_max_event_size_are_dead_letters(hec: HecServer, start: Start, size: int) -> None:
    exporter = start(max_event_size=size)
    exporter.export(make_batch(1, id="small"))
    with pytest.raises(PermanentError, match=f"oversize: more than {size} bytes"):
        exporter.export(make_batch(1, id="large", body="x" * size))
    assert hec.ids == ["small-0"]


def test_the_limit_of_a_server_that_answered_413_is_remembered(hec: HecServer, start: Start) -> None:
    hec.limit = 1000
    exporter = start()
    for _ in range(2):
        with pytest.raises(BatchTooLargeError):
            exporter.export(make_batch(10))
    assert len(hec.batches) == 1
    exporter.export(make_batch(4))
    assert len(hec.batches) == 2


def test_code_6_of_the_cloud_for_a_body_that_is_too_large_is_no_fault_of_an_event(hec: HecServer, start: Start) -> None:
    hec.cloud = True
    exporter = start(max_content_length="10MB")
    batch = make_batch(4, body="x" * 1_500_000)
    with pytest.raises(BatchTooLargeError, match="code 6"):
        exporter.export(batch)
    assert hec.stored == []
    for half in (batch.events[:2], batch.events[2:]):
        exporter.export(batch.with_events(half))
    assert hec.ids == [event.id for event in batch]


def test_one_event_too_large_for_splunk_is_a_dead_letter_and_the_others_are_delivered(
    hec: HecServer, start: Start
) -> None:
    batch = Batch("b", (make_event(0), make_event(1, body="x" * 5_000_000)))
    with pytest.raises(PartialExportError) as raised:
        start().export(batch)
    assert {key: type(error) for key, error in raised.value.failed.items()} == {"test-1": PermanentError}
    assert len(hec.batches) == 1


def test_a_metric_point_without_a_number_is_a_dead_letter(hec: HecServer, start: Start) -> None:
    point = make_event(signal="metric", metric=Metric(kind="gauge", value=float("nan")))
    with pytest.raises(PermanentError, match="without a number"):
        start().export(Batch("b", (point,)))
    assert hec.batches == []


def test_the_shape_that_an_exponential_histogram_loses_is_counted(hec: HecServer, start: Start) -> None:
    exporter = start()
    point = make_event(signal="metric", metric=Metric(kind="exponential_histogram", count=1, sum=1.0))
    exporter.export(Batch("b", (point,)))
    assert exporter.host.counters.reasons("shape_lost", "splunk_hec") == {"exponential_histogram": 1}
    assert len(hec.batches) == 1


def test_p4_the_worked_example_of_two_poison_objects_sends_nothing_twice(hec: HecServer, start: Start) -> None:
    exporter = start()
    hec.poison = lambda value: {"event 2": 15, "event 4": 13}.get(value["event"], 0)
    dead, left = attempts(exporter, make_batch(5))
    assert left is None
    assert dead == ["test-2", "test-4"]
    assert [[each["fields"]["beacon_id"] for each in objects] for objects in hec.batches] == [
        [f"test-{n}" for n in range(5)],
        ["test-3", "test-4"],
    ]
    assert hec.ids == ["test-0", "test-1", "test-3"]


def attempts(exporter: SplunkHecExporter, batch: Batch) -> tuple[list[str], Exception | None]:
    """Do what a worker does; return the dead letters, and what keeps the rest."""
    dead: list[str] = []
    while len(batch):
        try:
            exporter.export(batch)
        except PartialExportError as error:
            failed = error.failed
        except PermanentError as error:
            failed = {event.id: error for event in batch}
        except ConfigurationError as error:
            return dead, error
        else:
            break
        dead += [key for key, why in failed.items() if isinstance(why, PermanentError)]
        held = [why for why in failed.values() if isinstance(why, ConfigurationError)]
        if held:
            return dead, held[0]
        batch = batch.with_events([event for event in batch if isinstance(failed.get(event.id), RetryableError)])
    return dead, None


def test_p6_events_that_are_refused_one_after_the_other_are_kept_in_the_end(hec: HecServer, start: Start) -> None:
    exporter = start()
    hec.poison = lambda _value: 15
    dead, kept = attempts(exporter, make_batch(150))
    assert dead == [f"test-{number}" for number in range(100)]
    assert "more than 100 events in a row were refused" in str(kept)
    assert isinstance(attempts(exporter, make_batch(50, id="rest"))[1], ConfigurationError)
    assert hec.stored == []
    hec.poison = lambda _value: 0
    assert attempts(exporter, make_batch(50, id="rest")) == ([], None)
    hec.poison = lambda value: 15 if value["event"] == "event 0" else 0
    assert attempts(exporter, make_batch(2, id="later")) == (["later-0"], None)


def test_refused_events_among_good_ones_are_never_a_reason_to_keep_the_rest(hec: HecServer, start: Start) -> None:
    hec.poison = lambda value: 15 if int(value["event"].split()[1]) % 2 else 0
    dead, kept = attempts(start(), make_batch(300))
    assert (len(dead), kept) == (150, None)


def test_a_redirect_is_not_followed_with_the_token(hec: HecServer, start: Start) -> None:
    hec.whims = [Step(status=307, headers={"Location": hec.url + "/elsewhere"})]
    with pytest.raises(ConfigurationError, match="redirects are not followed"):
        start().export(make_batch())
    assert len(hec.batches) == 1


def test_an_answer_that_never_comes_is_ambiguous(hec: HecServer, start: Start) -> None:
    hec.whims = [Step(fault="close")]
    with pytest.raises(RetryableError) as raised:
        start().export(make_batch())
    assert raised.value.ambiguous


def test_a_refused_connection_is_not_ambiguous(start: Start) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(RetryableError, match="refused") as raised:
            start(endpoint=f"http://127.0.0.1:{port}").export(make_batch())
    assert not raised.value.ambiguous


def test_a_read_timeout_is_ambiguous(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(RetryableError, match="ReadTimeout") as raised:
            start(endpoint=f"http://127.0.0.1:{port}", timeout="50ms").export(make_batch())
    assert raised.value.ambiguous


def test_p7_the_token_is_in_no_repr_error_traceback_or_log(
    hec: HecServer, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    exporter = start()
    hec.whims = [
        Step(status=401, body=json.dumps({"text": f"token {TOKEN} is wrong", "code": 4}).encode()),
        Step(status=403, body=f"<p>{TOKEN}</p>".encode()),
        Step(fault="close"),
    ]
    shown = [repr(exporter.config), str(exporter.config), exporter.config.model_dump_json(), repr(exporter)]
    for _ in range(3):
        with pytest.raises((ExportError, ConfigurationError)) as raised:
            exporter.export(make_batch())
        shown += [str(raised.value), repr(raised.value), "".join(traceback.format_exception(raised.value))]
    assert TOKEN not in "".join(shown) + caplog.text
    assert "[REDACTED] is wrong" in "".join(shown)


@pytest.mark.parametrize("token", ["", "  ", "two words", "ümlaut", "line\nbreak"])
def test_p7_a_token_that_cannot_stand_in_a_header_is_refused_unseen(token: str) -> None:
    with pytest.raises(ValidationError) as raised:
        config(token=token)
    assert not token.strip() or token not in str(raised.value)


def test_the_newline_of_a_token_file_is_no_part_of_the_token() -> None:
    assert config(token=TOKEN + "\n").token.get_secret_value() == TOKEN


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://s:8088", "https://s:8088/services/collector/event"),
        ("https://s:8088/", "https://s:8088/services/collector/event"),
        ("https://s/services/collector", "https://s/services/collector/event"),
        ("https://s/services/collector/event", "https://s/services/collector/event"),
        ("https://s/services/collector/event/1.0", "https://s/services/collector/event"),
        ("http://[::1]:8088/hec/services/collector/", "http://[::1]:8088/hec/services/collector/event"),
    ],
)
def test_the_event_url_is_derived_from_each_form_of_endpoint(endpoint: str, url: str) -> None:
    assert event_url(endpoint) == url
    assert ack_url(endpoint) == url.replace("/event", "/ack")


@pytest.mark.parametrize(
    "endpoint",
    [
        "splunk:8088",
        "ftp://s",
        "https://",
        "https://s:99999",
        "https://user:hunter2@s:8088",
        "https://s:8088/services/collector?token=hunter2",
        "https://s:8088/#hunter2",
        "https://s:8088/other",
        "https://s:8088/services/collector/raw",
    ],
)
def test_p10_an_endpoint_that_is_none_is_refused_and_no_credential_repeated(endpoint: str) -> None:
    with pytest.raises(ValidationError) as raised:
        config(endpoint=endpoint)
    assert "hunter2" not in str(raised.value)


def test_p10_certificates_that_cannot_be_read_stop_the_start(start: Start, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="tls"):
        start(tls={"ca_file": str(tmp_path / "missing.pem")})


def test_p10_a_key_without_a_certificate_is_refused() -> None:
    with pytest.raises(ValidationError, match="cert_file"):
        config(tls={"key_file": "key.pem"})


def test_switching_verification_off_is_said_at_every_start(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    start(tls={"insecure_skip_verify": True})
    assert "insecure_skip_verify" in caplog.text


def test_shutdown_is_safe_unstarted_and_twice(start: Start) -> None:
    SplunkHecExporter(config()).shutdown(1)
    exporter = start()
    exporter.shutdown(1)
    exporter.shutdown(1)
    with pytest.raises(ConfigurationError, match="not started"):
        exporter.export(make_batch())


def test_the_example_of_the_readme_is_valid() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    example = readme.split("```yaml\n")[1].split("```")[0]
    options = yaml.safe_load(example)["exporters"]["splunk_hec"]
    SplunkHecConfig.model_validate(options)
    assert json.dumps(options).count("${env:") == 1
