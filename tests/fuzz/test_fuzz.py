"""A sample of `make fuzz`: hostile input on every receiver of a real `beacon run`."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.answers import Answer, BadAnswerError, faults, parse
from tests.fuzz.cases import Case, make_case
from tests.fuzz.grpc_campaign import grpc_campaign
from tests.fuzz.http_campaign import HttpCampaign
from tests.fuzz.lines_campaign import Result, file_campaign, stdin_campaign
from tests.fuzz.spool_campaign import spool_campaign

SEED = "20261120"
CASES = 300


def test_p1_p10_every_hostile_request_gets_a_specific_answer_and_the_next_good_one_is_taken(tmp_path: Path) -> None:
    result = HttpCampaign(tmp_path, SEED).run(CASES)
    assert result.violations == []
    assert result.cases == CASES
    assert len(result.good) == CASES
    assert result.refused > CASES // 3


@pytest.mark.parametrize("line_format", ["json", "auto", "otlp_json"])
@pytest.mark.parametrize("campaign", [stdin_campaign, file_campaign])
def test_p1_p10_every_hostile_line_becomes_events_or_a_counted_refusal(
    tmp_path: Path, campaign: Callable[..., Result], line_format: str
) -> None:
    result = campaign(tmp_path, SEED, CASES, line_format)
    assert result.violations == []
    assert result.refused > CASES // 10
    assert result.taken > CASES // 10


def test_t7_p10_every_hostile_line_of_a_spool_file_becomes_events_or_a_counted_refusal(tmp_path: Path) -> None:
    result = spool_campaign(tmp_path, SEED, CASES)
    assert result.violations == []
    assert result.refused > CASES // 10
    assert result.taken > CASES // 10


def test_p1_p10_every_hostile_call_has_a_status_and_the_next_good_one_is_taken(tmp_path: Path) -> None:
    result = grpc_campaign(tmp_path, SEED, CASES)
    assert result.violations == []
    assert result.codes["INVALID_ARGUMENT"] > CASES // 10
    assert result.codes["OK"] > CASES // 10
    assert len(result.good) == CASES


def test_cases_are_the_same_for_the_same_seed() -> None:
    first, second = (random.Random(SEED) for _ in range(2))
    assert [make_case(first) for _ in range(200)] == [make_case(second) for _ in range(200)]


# ---- the harness notices ----

GOOD = Case("", b"POST / HTTP/1.1\r\n\r\n", well_formed=True)
REFUSAL = Answer(400, "application/json", b'{"code":3,"message":"why"}')


def test_a_refusal_that_says_why_is_in_order() -> None:
    assert faults(GOOD, [REFUSAL]) == []


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], "0 answers to one request"),
        ([], "no answer to a request with a whole head"),
        ([REFUSAL, REFUSAL], "2 answers to one request"),
        ([REFUSAL._replace(status=500)], "answered with 500"),
        ([REFUSAL._replace(body=b'{"code":3,"message":""}')], "an answer without a message"),
        ([REFUSAL._replace(kind="text/html")], "the content type of an answer is 'text/html'"),
        ([REFUSAL._replace(kind="application/x-protobuf")], "an answer without a message"),
    ],
)
def test_an_answer_that_is_not_specific_is_found(answers: list[Answer], said: str) -> None:
    assert any(said in fault for fault in faults(GOOD, answers))


def test_answers_are_read_to_the_letter() -> None:
    one = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n" + REFUSAL.body
    assert parse(one + b"HTTP/1.1 100 Continue\r\n\r\n" + one) == [REFUSAL, REFUSAL]
    for wrong in (one[:-1], one + b"x", one[1:], b"\0"):
        with pytest.raises(BadAnswerError):
            parse(wrong)
