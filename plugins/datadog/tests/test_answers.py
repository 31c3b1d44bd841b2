"""Every row of the status table, and what Datadog's error says."""

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
from beacon_datadog import answers
from beacon_datadog.answers import judge

URL = "https://http-intake.logs.datadoghq.eu/api/v2/logs"
AMBIGUOUS, RETRY, HOLD, SPLIT = "ambiguous", "retry", ConfigurationError, BatchTooLargeError
STATUSES: dict[int, Any] = {
    200: None,
    202: None,
    204: None,
    301: HOLD,
    307: HOLD,
    400: SPLIT,
    401: HOLD,
    403: HOLD,
    404: HOLD,
    405: HOLD,
    408: AMBIGUOUS,
    413: SPLIT,
    414: HOLD,
    418: HOLD,
    429: RETRY,
    500: AMBIGUOUS,
    502: AMBIGUOUS,
    503: AMBIGUOUS,
    504: AMBIGUOUS,
    599: AMBIGUOUS,
}


def test_the_table_of_this_test_is_complete() -> None:
    table = tomllib.loads(Path(answers.__file__).with_name("answers.toml").read_text())["status"]
    assert {key for key in table if key.isdigit()} <= set(map(str, STATUSES))


@pytest.mark.parametrize("status", STATUSES)
def test_p6_each_status_says_what_to_do(status: int) -> None:
    error = judge(HttpAnswer(status, b"{}", 7.0), URL, events=2)
    outcome = STATUSES[status]
    if outcome in (RETRY, AMBIGUOUS):
        assert isinstance(error, RetryableError)
        assert (error.ambiguous, error.retry_after) == (outcome == AMBIGUOUS, 7.0)
    else:
        assert (error and type(error)) is outcome


def test_one_event_that_is_refused_alone_is_a_dead_letter() -> None:
    assert isinstance(judge(HttpAnswer(400), URL, events=1), PermanentError)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"errors": [{"status": "403", "title": "Forbidden", "detail": "wrong key"}]}, ' "Forbidden, wrong key"'),
        ({"errors": ["Payload too big"]}, ' "Payload too big"'),
        ({"errors": [{"title": "x" * 5000}]}, f' "{"x" * 200}"'),
        ({"errors": []}, ""),
        ({"message": "payload"}, ""),
        (["payload"], ""),
    ],
)
def test_p10_title_and_detail_of_datadogs_error_are_shown_and_nothing_else(body: Any, said: str) -> None:
    error = judge(HttpAnswer(403, json.dumps(body).encode()), URL, events=1)
    assert str(error).split(";")[0] == f"{URL}: HTTP 403{said}"


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff"])
def test_an_answer_of_a_proxy_is_no_reason_to_fail(body: bytes) -> None:
    assert isinstance(judge(HttpAnswer(502, body), URL, events=1), RetryableError)
