"""Every row of the code table and of the status table, and what invalid-event-number means."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from beacon_core import (
    BatchTooLargeError,
    ConfigurationError,
    HttpAnswer,
    PermanentError,
    RetryableError,
)
from beacon_splunk import answers
from beacon_splunk.answers import Sent
from beacon_splunk.encoding import Record

URL = "https://splunk.example:8088/services/collector/event"

AMBIGUOUS, RETRY, HOLD, REJECT, SPLIT = "ambiguous", "retry", ConfigurationError, PermanentError, BatchTooLargeError
CODES: dict[int, tuple[int, Any]] = {
    0: (200, None),
    1: (403, HOLD),
    2: (401, HOLD),
    3: (401, HOLD),
    4: (403, HOLD),
    5: (400, REJECT),
    6: (400, SPLIT),
    7: (400, HOLD),
    8: (500, AMBIGUOUS),
    9: (503, RETRY),
    10: (400, HOLD),
    11: (400, HOLD),
    12: (400, SPLIT),
    13: (400, SPLIT),
    14: (400, HOLD),
    15: (400, SPLIT),
    16: (400, HOLD),
    17: (200, HOLD),
    18: (503, RETRY),
    19: (503, RETRY),
    20: (503, RETRY),
    21: (400, HOLD),
    22: (400, HOLD),
    23: (503, RETRY),
    24: (200, None),
    25: (200, None),
    26: (429, RETRY),
    27: (429, RETRY),
    28: (400, HOLD),
    400: (400, HOLD),
    404: (404, HOLD),
}
STATUSES: dict[int, Any] = {
    200: HOLD,
    204: HOLD,
    302: HOLD,
    307: HOLD,
    400: SPLIT,
    401: HOLD,
    403: HOLD,
    404: HOLD,
    405: HOLD,
    408: AMBIGUOUS,
    413: SPLIT,
    415: HOLD,
    418: HOLD,
    429: RETRY,
    500: AMBIGUOUS,
    502: AMBIGUOUS,
    503: RETRY,
    504: AMBIGUOUS,
    599: AMBIGUOUS,
}


def sent(count: int = 3, *, objects: int = 1, size: int = 1000) -> Sent:
    return Sent(URL, [Record(f"e{n}", "main", objects, 2) for n in range(count)], size)


def judge(answer: HttpAnswer, sent: Sent) -> dict[str, Exception]:
    return answers.judge(answer, sent).failed


def reply(code: int, number: int | None = None, *, status: int = 400, **more: Any) -> HttpAnswer:
    content: dict[str, Any] = {"text": "said", "code": code, **more}
    if number is not None:
        content["invalid-event-number"] = number
    return HttpAnswer(status, json.dumps(content).encode())


def whole(failed: dict[str, Exception], count: int = 3) -> Exception:
    """Return the error of a request that failed as a whole."""
    (error,) = set(failed.values())
    assert list(failed) == [f"e{n}" for n in range(count)]
    return error


def expect(failed: dict[str, Exception], outcome: Any) -> None:
    if outcome is None:
        assert failed == {}
        return
    error = whole(failed)
    if outcome in (RETRY, AMBIGUOUS):
        assert isinstance(error, RetryableError)
        assert error.ambiguous is (outcome == AMBIGUOUS)
    else:
        assert type(error) is outcome


def test_the_table_of_this_test_is_complete() -> None:
    table = tomllib.loads(Path(answers.__file__).with_name("codes.toml").read_text())
    assert set(table["code"]) == set(map(str, CODES))
    assert {key for key in table["status"] if key.isdigit()} <= set(map(str, STATUSES))


@pytest.mark.parametrize("code", CODES)
def test_p6_each_code_says_what_to_do(code: int) -> None:
    status, outcome = CODES[code]
    expect(judge(reply(code, status=status), sent()), outcome)


@pytest.mark.parametrize("status", STATUSES)
def test_p6_without_a_code_the_status_says_what_to_do(status: int) -> None:
    expect(judge(HttpAnswer(status, b"<html>"), sent()), STATUSES[status])


@pytest.mark.parametrize("status", STATUSES)
def test_an_unknown_code_leaves_the_decision_to_the_status(status: int) -> None:
    expect(judge(reply(999, status=status), sent()), STATUSES[status])


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"[]", b"null", b'{"code":"0"}', b'{"code":true}', b"\xff", b'{"text":1}']
)
def test_a_200_that_is_not_from_hec_is_no_delivery(body: bytes) -> None:
    expect(judge(HttpAnswer(200, body), sent()), HOLD)


def test_success_with_the_status_of_an_error_is_no_delivery() -> None:
    expect(judge(reply(0, status=502), sent()), AMBIGUOUS)


@pytest.mark.parametrize("code", [6, 12, 13, 15])
def test_before_a_poison_object_is_delivered_and_after_it_is_sent_again(code: int) -> None:
    failed = judge(reply(code, 1), sent())
    assert {key: type(error) for key, error in failed.items()} == {"e1": PermanentError, "e2": RetryableError}
    assert isinstance(failed["e2"], RetryableError)
    assert not failed["e2"].ambiguous


def test_a_poison_object_of_a_histogram_spoils_the_whole_event_and_no_other() -> None:
    failed = judge(reply(15, 5), sent(3, objects=3))
    assert {key: type(error) for key, error in failed.items()} == {"e1": PermanentError, "e2": RetryableError}


@pytest.mark.parametrize("number", [3, -1, 99])
def test_a_number_that_makes_no_sense_is_searched_for_in_halves(number: int) -> None:
    assert isinstance(whole(judge(reply(6, number), sent())), BatchTooLargeError)


def test_a_single_event_that_is_refused_without_a_number_is_poison() -> None:
    assert isinstance(whole(judge(reply(6), sent(1)), 1), PermanentError)
    assert isinstance(whole(judge(HttpAnswer(400, b"<html>"), sent(1)), 1), PermanentError)


def test_code_7_names_the_object_after_the_bad_one() -> None:
    assert isinstance(whole(judge(reply(7, 1), sent())), ConfigurationError)
    failed = judge(reply(7, 2), sent())
    assert {key: type(error) for key, error in failed.items()} == {"e1": ConfigurationError, "e2": ConfigurationError}


def test_a_busy_server_that_names_an_object_may_have_stored_those_before_it() -> None:
    failed = judge(reply(9, 2, status=503), sent())
    assert {key: isinstance(e, RetryableError) and e.ambiguous for key, e in failed.items()} == {
        "e0": True,
        "e1": True,
        "e2": False,
    }
    error = whole(judge(reply(9, 0, status=503), sent()))
    assert isinstance(error, RetryableError)
    assert not error.ambiguous


def test_splunk_clouds_answer_to_a_body_above_its_limit_means_split() -> None:
    assert isinstance(whole(judge(reply(6, 0), sent(size=5_242_881))), BatchTooLargeError)
    assert isinstance(whole(judge(reply(6, 0), sent(1, size=5_242_881)), 1), BatchTooLargeError)
    assert isinstance(judge(reply(6, 0), sent(size=5_242_880))["e0"], PermanentError)


def test_p10_the_error_says_status_code_text_number_index_and_what_to_do() -> None:
    text = str(judge(reply(7, 1, text="Incorrect index"), sent())["e0"])
    assert text == (
        f'{URL}: HTTP 400, code 7 "said", invalid-event-number 1, index main; '
        "create the index, allow it for the token, or change `index`"
    ).replace("said", "Incorrect index")


def test_a_long_text_of_the_server_is_cut() -> None:
    assert len(str(judge(reply(4, status=403, text="x" * 10_000), sent())["e0"])) < 500


@pytest.mark.parametrize("key", ["ackId", "ackID"])
def test_the_number_of_the_acknowledgement_counts_from_0_and_has_two_spellings(key: str) -> None:
    verdict = answers.judge(reply(0, status=200, **{key: 0}), sent())
    assert (verdict.failed, verdict.ack_id) == ({}, 0)


@pytest.mark.parametrize("number", [None, True, "0", 1.0])
def test_what_is_no_number_is_no_acknowledgement(number: Any) -> None:
    assert answers.judge(reply(0, status=200, ackId=number), sent()).ack_id is None


def test_a_refusal_has_the_number_of_the_events_before_the_refused_one() -> None:
    assert answers.judge(reply(6, 1, ackId=0), sent()).ack_id == 0


@pytest.mark.parametrize("code", CODES)
def test_only_24_and_25_ask_for_less_and_25_for_more_questions(code: int) -> None:
    verdict = answers.judge(reply(code, status=CODES[code][0]), sent())
    assert (verdict.slow_down, verdict.hurry) == (code in (24, 25), code == 25)


def test_p10_an_event_that_is_too_large_alone_is_called_so() -> None:
    assert str(judge(reply(6, 0), sent(1, size=5_242_881))["e0"]).startswith("oversize: ")
    assert str(judge(HttpAnswer(413, b"<html>"), sent(1))["e0"]).startswith("oversize: ")
    records = [Record("e0", None, 1, 2), Record("e1", None, 1, 5_000_001), Record("e2", None, 1, 2)]
    failed = judge(reply(6, 1), Sent(URL, records, 5_000_100))
    assert str(failed["e1"]).startswith("oversize: ")
    assert isinstance(failed["e2"], RetryableError)
