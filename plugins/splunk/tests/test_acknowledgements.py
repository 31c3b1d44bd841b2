"""Indexer acknowledgement: delivered means stored; what cannot be known is never claimed."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable

import pytest

from beacon_core import (
    Batch,
    ConfigurationError,
    PartialExportError,
    PermanentError,
    RetryableError,
)
from beacon_core.testing import Request, Step, make_batch, make_event
from beacon_splunk.exporter import SplunkHecExporter
from plugins.splunk.tests.hec_server import HTML, HecServer, reply
from tests.pipeline_run import Run

Start = Callable[..., SplunkHecExporter]
TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"
OFTEN = {"query_interval": "1ms"}
SOON_OVER = {"query_interval": "1ms", "timeout": "20ms"}
REQUIRED = {"indexer_acknowledgements_enabled": True, "query_interval": "1ms"}


def questions(hec: HecServer) -> list[list[int]]:
    return [json.loads(request.body)["acks"] for request in asked(hec)]


def asked(hec: HecServer) -> list[Request]:
    return [request for request in hec.requests if request.path.endswith("/ack")]


def unacknowledged(exporter: SplunkHecExporter) -> dict[str, int]:
    return exporter.host.counters.reasons("unacknowledged", "splunk_hec")


def test_p4_export_returns_when_the_indexers_have_stored_everything(hec: HecServer, start: Start) -> None:
    hec.acks, hec.acked_after = True, 3
    exporter = start(acknowledgements=OFTEN)
    exporter.export(make_batch(2))
    assert questions(hec) == [[0], [0], [0]]
    exporter.export(make_batch(1, id="next"))
    assert questions(hec)[3:] == [[1], [1], [1]]
    assert hec.ids == ["test-0", "test-1", "next-0"]
    assert unacknowledged(exporter) == {}


def test_questions_have_the_channel_of_the_data_and_are_not_compressed(hec: HecServer, start: Start) -> None:
    hec.acks = True
    start(acknowledgements=OFTEN).export(make_batch())
    data, question = hec.requests
    assert question.path == "/services/collector/ack"
    assert question.body == b'{"acks":[0]}'
    assert "content-encoding" not in question.headers
    for name in ("authorization", "x-splunk-request-channel"):
        assert question.headers[name] == data.headers[name]


def test_a_channel_is_new_with_every_start(hec: HecServer, start: Start) -> None:
    for _ in range(2):
        start().export(make_batch())
    first, second = (uuid.UUID(request.headers["x-splunk-request-channel"]) for request in hec.requests)
    assert first != second


def test_the_cookie_of_a_load_balancer_comes_back_with_the_question(hec: HecServer, start: Start) -> None:
    hec.acks = True
    sticky = Step(body=b'{"text":"Success","code":0,"ackId":0}', headers={"Set-Cookie": "AWSALB=idx3; Path=/"})
    hec.whims = [sticky]
    hec.ack_whims = [Step(body=b'{"acks":{"0":true}}')]
    start(acknowledgements=OFTEN).export(make_batch())
    assert asked(hec)[0].headers["cookie"] == "AWSALB=idx3"


def test_the_requests_of_a_batch_are_asked_for_together(hec: HecServer, start: Start) -> None:
    hec.acks = True
    events = [make_event(n, resource={"com.splunk.index": index}) for n, index in enumerate("ab")]
    start(acknowledgements=OFTEN).export(Batch("b", tuple(events)))
    assert questions(hec) == [[0, 1]]


def test_a_number_that_is_stored_is_not_asked_for_again(hec: HecServer, start: Start) -> None:
    hec.acks = True
    hec.ack_whims = [Step(body=b'{"acks":{"0":true,"1":false}}')]
    events = [make_event(n, resource={"com.splunk.index": index}) for n, index in enumerate("ab")]
    start(acknowledgements=OFTEN).export(Batch("b", tuple(events)))
    assert questions(hec) == [[0, 1], [1]]


def test_p6_what_is_not_acknowledged_in_time_is_ambiguous_and_not_lost(hec: HecServer, start: Start) -> None:
    hec.acks, hec.acked_after = True, 10**9
    exporter = start(acknowledgements=SOON_OVER)
    with pytest.raises(RetryableError, match="not acknowledged by the indexers") as raised:
        exporter.export(make_batch(3))
    assert raised.value.ambiguous
    assert unacknowledged(exporter) == {"deadline": 3}


def test_after_the_deadline_only_what_is_missing_is_ambiguous(hec: HecServer, start: Start) -> None:
    hec.acks, hec.acked_after = True, 10**9
    hec.ack_whims = [Step(body=b'{"acks":{"0":true}}')]
    events = [make_event(n, resource={"com.splunk.index": index}) for n, index in enumerate("ab")]
    with pytest.raises(PartialExportError) as raised:
        start(acknowledgements=SOON_OVER).export(Batch("b", tuple(events)))
    assert list(raised.value.failed) == ["test-1"]


@pytest.mark.parametrize(
    "trouble",
    [
        Step(status=503, body=HTML),
        Step(status=500),
        Step(status=400, body=HTML),
        Step(status=401, body=b'{"text":"Invalid authorization","code":3}'),
        Step(body=b"<html>log in</html>"),
        Step(body=b'{"acks":[]}'),
        Step(status=500, body=b'{"acks":{"0":true}}'),
        Step(body=b'{"acks":{"0":"true"}}'),
        Step(body=b'{"text":"Success","code":0}'),
        Step(fault="reset"),
    ],
)
def test_a_question_that_fails_says_nothing_of_the_data_and_is_asked_again(
    hec: HecServer, start: Start, trouble: Step
) -> None:
    hec.acks = True
    hec.ack_whims = [trouble, trouble]
    exporter = start(acknowledgements=OFTEN)
    exporter.export(make_batch())
    assert len(questions(hec)) == 3
    assert len(hec.batches) == 1


def test_questions_that_fail_are_reported_once_until_they_do_not(
    hec: HecServer, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    hec.acks = True
    exporter = start(acknowledgements=OFTEN)
    for _ in range(2):
        hec.ack_whims = [reply(4, text=f"Invalid token {TOKEN}")] * 3
        exporter.export(make_batch())
    assert caplog.text.count("cannot be asked for") == 2
    assert 'code 4 "Invalid token [REDACTED]"' in caplog.text


def test_true_is_told_once_so_a_lost_answer_ends_at_the_deadline_and_is_counted_apart(
    hec: HecServer, start: Start
) -> None:
    hec.acks = True

    def lose(request: Request) -> Step:
        hec._acknowledge(request)
        return Step(fault="reset")

    hec.ack_whims = [lose]
    exporter = start(acknowledgements=SOON_OVER)
    with pytest.raises(RetryableError) as raised:
        exporter.export(make_batch(2))
    assert raised.value.ambiguous
    assert unacknowledged(exporter) == {"answer_lost": 2}


def test_what_stands_before_a_refused_event_is_acknowledged_too(hec: HecServer, start: Start) -> None:
    hec.acks = True
    hec.poison = lambda value: 6 if value["event"] == "event 1" else 0
    with pytest.raises(PartialExportError) as raised:
        start(acknowledgements=OFTEN).export(make_batch(3))
    assert {key: type(error) for key, error in raised.value.failed.items()} == {
        "test-1": PermanentError,
        "test-2": RetryableError,
    }
    assert questions(hec) == [[0]]


def test_and_if_it_never_is_it_is_ambiguous_while_the_rest_is_not(hec: HecServer, start: Start) -> None:
    hec.acks, hec.acked_after = True, 10**9
    hec.poison = lambda value: 6 if value["event"] == "event 1" else 0
    with pytest.raises(PartialExportError) as raised:
        start(acknowledgements=SOON_OVER).export(make_batch(3))
    ambiguous = {key: getattr(error, "ambiguous", None) for key, error in raised.value.failed.items()}
    assert ambiguous == {"test-0": True, "test-1": None, "test-2": False}


# ---- tokens without it ----


def test_a_token_without_acknowledgement_is_not_asked_and_that_is_said_once(
    hec: HecServer, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    exporter = start()
    for _ in range(2):
        exporter.export(make_batch())
    assert questions(hec) == []
    assert caplog.text.count("delivered means accepted by Splunk") == 1


def test_code_14_ends_the_questions_and_is_counted_and_said(
    hec: HecServer, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    hec.acks = True
    hec.ack_whims = [reply(14)]
    exporter = start(acknowledgements=OFTEN)
    exporter.export(make_batch(3))  # accepted with a 200: all that will ever be known
    assert len(questions(hec)) == 1
    assert unacknowledged(exporter) == {"ack_disabled": 3}
    assert "no indexer acknowledgement any more" in caplog.text
    assert "cannot be asked for" not in caplog.text


def test_an_answer_that_has_lost_its_number_is_counted_and_said(
    hec: HecServer, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    hec.acks = True
    exporter = start(acknowledgements=OFTEN)
    exporter.export(make_batch())
    hec.acks = False
    exporter.export(make_batch(2))
    exporter.export(make_batch(2))
    assert unacknowledged(exporter) == {"no_ack_id": 2}
    assert caplog.text.count("without ackId") == 1


def test_acknowledgements_can_be_ignored(hec: HecServer, start: Start) -> None:
    hec.acks, hec.acked_after = True, 10**9
    start(acknowledgements={"indexer_acknowledgements_enabled": False}).export(make_batch())
    assert questions(hec) == []


# ---- where acknowledgement is required ----


def test_p4_required_nothing_is_sent_with_a_token_that_has_none(hec: HecServer, start: Start) -> None:
    exporter = start(acknowledgements=REQUIRED)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="switch it on in Splunk"):
            exporter.export(make_batch())
    assert hec.batches == []
    hec.acks = True
    exporter.export(make_batch())
    exporter.export(make_batch())
    assert questions(hec)[3:] == [[0], [1]]  # the token is looked at until it has it, and no more


@pytest.mark.parametrize("case", ["code 14", "no number"])
def test_required_an_acceptance_without_it_is_not_claimed_and_sent_once_more_at_most(
    hec: HecServer, start: Start, case: str
) -> None:
    hec.acks = True
    exporter = start(acknowledgements=REQUIRED)
    exporter.export(make_batch())
    hec.acks = False
    if case == "code 14":  # the answer has a number, the question finds none
        hec.whims = [Step(body=b'{"text":"Success","code":0,"ackId":1}')]
    with pytest.raises(RetryableError) as raised:
        exporter.export(make_batch())
    assert raised.value.ambiguous
    for _ in range(3):
        with pytest.raises(ConfigurationError):
            exporter.export(make_batch())
    assert len(hec.batches) == 2


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Step(status=503), RetryableError),
        (Step(status=502), RetryableError),
        (Step(fault="reset"), RetryableError),
        (reply(4, status=403), ConfigurationError),
        (Step(status=404), ConfigurationError),
        (Step(body=b"<html>log in</html>"), ConfigurationError),
        (Step(status=400, body=HTML), ConfigurationError),
    ],
)
def test_required_what_cannot_be_found_out_sends_nothing_and_is_not_ambiguous(
    hec: HecServer, start: Start, trouble: Step, error: type[Exception]
) -> None:
    hec.acks = True
    hec.ack_whims = [trouble]
    with pytest.raises(error) as raised:
        start(acknowledgements=REQUIRED).export(make_batch())
    assert not getattr(raised.value, "ambiguous", False)
    assert hec.batches == []


# ---- several threads ----


def test_a_shutdown_ends_the_waiting_and_the_outcome_is_ambiguous(hec: HecServer, start: Start) -> None:
    hec.acks, hec.acked_after = True, 10**9
    exporter = start(acknowledgements=OFTEN)
    waiting = threading.Event()
    hec.ack_whims = [lambda _request: waiting.set()]
    errors: list[Exception] = []

    def deliver() -> None:
        try:
            exporter.export(make_batch(2))
        except RetryableError as error:
            errors.append(error)

    thread = threading.Thread(target=deliver)
    thread.start()
    assert waiting.wait(20)
    exporter.shutdown(1)
    thread.join(20)
    assert [isinstance(error, RetryableError) and error.ambiguous for error in errors] == [True]
    assert unacknowledged(exporter) == {"shutdown": 2}


def test_several_threads_ask_each_for_its_own(hec: HecServer, start: Start) -> None:
    hec.acks, hec.acked_after = True, 3
    exporter = start(acknowledgements=OFTEN, max_in_flight=4)
    threads = [threading.Thread(target=exporter.export, args=(make_batch(2, id=f"b{n}"),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(questions(hec)) == sorted([[n] for n in range(4)] * 3)
    assert len(hec.ids) == len(set(hec.ids)) == 8


# ---- through a whole pipeline ----


def test_p4_what_is_not_acknowledged_when_beacon_ends_stays_queued(hec: HecServer, run: Run) -> None:
    hec.acks, hec.acked_after = True, 10**9
    first = run(make_batch(5), drain="10ms", acknowledgements=OFTEN)
    assert first.balanced
    assert first.figures["queued"] == 5
    assert "delivered" not in first.figures
    hec.acked_after = 1
    second = run(Batch("nothing more", ()), acknowledgements=OFTEN)
    assert second.figures == {"carried_over": 5, "delivered": 5}
    assert sorted(hec.ids) == sorted([f"test-{n}" for n in range(5)] * 2)  # they may have been stored the first time


def test_p4_required_and_missing_everything_is_kept_and_nothing_sent(hec: HecServer, run: Run) -> None:
    kept = run(make_batch(5), drain="10ms", acknowledgements=REQUIRED)
    assert kept.figures == {"accepted": 5, "queued": 5}
    assert hec.batches == []
    assert "the token has no indexer acknowledgement; switch it on in Splunk" in kept.printed


def test_p3_what_was_not_acknowledged_in_time_is_sent_again_and_counted(hec: HecServer, run: Run) -> None:
    hec.acks = True
    hec.losing = [Step(body=b'{"text":"Success","code":0,"ackId":7}')]  # a number that is never acknowledged
    options = {"query_interval": "1ms", "timeout": "20ms"}
    outcome = run(make_batch(5), acknowledgements=options)
    assert outcome.balanced
    assert outcome.figures == {"accepted": 5, "delivered": 5, "possibly_duplicated": 5}
    assert sorted(hec.ids) == sorted([f"test-{n}" for n in range(5)] * 2)
