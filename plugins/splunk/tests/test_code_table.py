"""Every row of the code table through a whole pipeline: what is sent again, put aside, kept, and whether it adds up.

A row says what becomes of five events when the first request is answered with its code, and when every request is.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Batch
from beacon_core.testing import Step, make_batch, make_event
from beacon_splunk import answers
from plugins.splunk.tests.hec_server import HTML, HecServer, reply
from tests.pipeline_run import Run

TOKEN = "00000000-FAKE-FAKE-FAKE-000000000000"
ALL = list(range(5))
MANY = 10_000


@dataclass(frozen=True)
class Fate:
    """What becomes of five events.

    Attributes:
        again: those that the second request carries, after an answer that comes once; None if there is no second one.
        figures: of the receipt, without `accepted` and what is 0.
        dead: the dead letters.
    """

    again: list[int] | None
    figures: dict[str, int]
    dead: tuple[int, ...] = ()


DELIVERED = Fate(None, {"delivered": 5})
SENT_AGAIN = Fate(ALL, {"delivered": 5})
PERHAPS_TWICE = Fate(ALL, {"delivered": 5, "possibly_duplicated": 5})
REFUSED = Fate(None, {"dead_lettered": 5}, (0, 1, 2, 3, 4))
FIRST_DEAD = Fate([1, 2, 3, 4], {"delivered": 4, "dead_lettered": 1}, (0,))
HALVES = Fate([0, 1], {"delivered": 5})
KEPT = Fate(ALL, {"queued": 5})
ONE_BY_ONE = Fate([1, 2, 3, 4], {"dead_lettered": 5}, (0, 1, 2, 3, 4))
HALF_BY_HALF = Fate([0, 1], {"dead_lettered": 5}, (0, 1, 2, 3, 4))


@dataclass(frozen=True)
class Row:
    """A code: its HTTP status, its number of an object, and the fates of the events."""

    status: int
    once: Fate
    always: Fate
    number: int | None = None


def hold(status: int) -> Row:
    return Row(status, SENT_AGAIN, KEPT)


CODES: dict[int, Row] = {
    0: Row(200, DELIVERED, DELIVERED),
    1: hold(403),
    2: hold(401),
    3: hold(401),
    4: hold(403),
    5: Row(400, REFUSED, REFUSED),
    6: Row(400, FIRST_DEAD, ONE_BY_ONE, number=0),
    7: Row(400, SENT_AGAIN, KEPT, number=1),
    8: Row(500, PERHAPS_TWICE, KEPT),
    9: Row(503, SENT_AGAIN, KEPT),
    10: hold(400),
    11: hold(400),
    12: Row(400, FIRST_DEAD, ONE_BY_ONE, number=0),
    13: Row(400, FIRST_DEAD, ONE_BY_ONE, number=0),
    14: hold(400),
    15: Row(400, FIRST_DEAD, ONE_BY_ONE, number=0),
    16: hold(400),
    17: hold(200),
    **{code: Row(503, SENT_AGAIN, KEPT) for code in (18, 19, 20)},
    21: hold(400),
    22: hold(400),
    23: Row(503, SENT_AGAIN, KEPT),
    24: Row(200, DELIVERED, DELIVERED),
    25: Row(200, DELIVERED, DELIVERED),
    26: Row(429, SENT_AGAIN, KEPT),
    27: Row(429, SENT_AGAIN, KEPT),
    28: hold(400),
    400: hold(400),
    404: hold(404),
}

#: Answers without a code.
STATUSES: dict[int, Row] = {
    **{status: hold(status) for status in (200, 204, 302, 307, 401, 403, 404, 405, 418)},
    400: Row(400, SENT_AGAIN, HALF_BY_HALF),  # the second time without compression
    415: Row(415, SENT_AGAIN, KEPT),
    413: Row(413, HALVES, HALF_BY_HALF),
    429: Row(429, SENT_AGAIN, KEPT),
    503: Row(503, SENT_AGAIN, KEPT),
    **{status: Row(status, PERHAPS_TWICE, KEPT) for status in (408, 500, 502, 504, 599)},
}


@pytest.fixture
def deliver(hec: HecServer, run: Run) -> Callable[..., None]:
    """What runs five events into answers and compares their fate."""

    def run_into(steps: list[Step], fate: Fate, drain: str = "") -> None:
        hec.whims = [*steps]
        outcome = run(make_batch(5), drain=drain)
        assert outcome.balanced
        found = outcome.figures
        if drain:  # tried as often as there was time for
            found.pop("possibly_duplicated", None)
        assert found == {"accepted": 5, **fate.figures}
        assert sorted(outcome.dead) == [f"test-{number}" for number in fate.dead]

    return run_into


def carried(objects: list[dict[str, Any]]) -> list[int]:
    return [int(value["event"].removeprefix("event ")) for value in objects]


def html(status: int) -> Step:
    return Step(status=status, body=b"" if status == 204 else HTML)


def compare_what_was_sent_again(hec: HecServer, fate: Fate) -> None:
    assert [carried(objects) for objects in hec.batches[1:2]] == ([] if fate.again is None else [fate.again])
    if fate.again == ALL:
        assert hec.requests[0].body == hec.requests[1].body  # byte for byte
    assert len(hec.ids) == len(set(hec.ids))


def drain_for(fate: Fate) -> str:
    """Return how long a run may go on: what is kept is tried for ever, everything else comes to an end by itself."""
    return "20ms" if "queued" in fate.figures else ""


def test_the_table_of_this_test_is_complete() -> None:
    table = tomllib.loads(Path(answers.__file__).with_name("codes.toml").read_text())
    assert set(table["code"]) == set(map(str, CODES))
    assert {key for key in table["status"] if key.isdigit()} <= set(map(str, STATUSES))


@pytest.mark.parametrize("code", CODES)
def test_p3_p6_a_code_is_answered_once(deliver: Callable[..., None], hec: HecServer, code: int) -> None:
    row = CODES[code]
    deliver([reply(code, row.number, status=row.status)], row.once)
    compare_what_was_sent_again(hec, row.once)


@pytest.mark.parametrize("code", CODES)
def test_p3_p6_a_code_is_answered_always(deliver: Callable[..., None], code: int) -> None:
    row = CODES[code]
    deliver([reply(code, row.number, status=row.status)] * MANY, row.always, drain_for(row.always))


@pytest.mark.parametrize("status", STATUSES)
def test_p3_p6_a_status_is_answered_once(deliver: Callable[..., None], hec: HecServer, status: int) -> None:
    deliver([html(status)], STATUSES[status].once)
    compare_what_was_sent_again(hec, STATUSES[status].once)


@pytest.mark.parametrize("status", STATUSES)
def test_p3_p6_a_status_is_answered_always(deliver: Callable[..., None], status: int) -> None:
    deliver([html(status)] * MANY, STATUSES[status].always, drain_for(STATUSES[status].always))


@pytest.mark.parametrize("code", [code for code, row in CODES.items() if row.always is KEPT])
def test_p4_what_was_kept_is_delivered_by_the_next_run(hec: HecServer, run: Run, code: int) -> None:
    row = CODES[code]
    hec.whims = [reply(code, row.number, status=row.status)] * MANY
    run(make_batch(5), drain="20ms")
    hec.whims = []
    outcome = run(Batch("nothing more", ()))
    assert outcome.balanced
    assert outcome.figures == {"carried_over": 5, "delivered": 5}
    assert hec.ids == [f"test-{number}" for number in ALL]


@pytest.mark.parametrize("code", [6, 12, 13, 15])
def test_p3_in_the_middle_the_events_before_are_stored_and_those_after_are_sent_again(
    hec: HecServer, run: Run, code: int
) -> None:
    hec.poison = lambda value: code if value["event"] == "event 2" else 0
    outcome = run(make_batch(5))
    assert outcome.balanced
    assert outcome.figures == {"accepted": 5, "delivered": 4, "dead_lettered": 1}
    assert f"code {code} " in outcome.dead["test-2"]
    assert [carried(objects) for objects in hec.batches] == [ALL, [3, 4]]
    assert hec.ids == ["test-0", "test-1", "test-3", "test-4"]


@pytest.mark.parametrize("code", [6, 12, 13, 15])
def test_p3_without_a_number_the_bad_event_is_found_by_halves(hec: HecServer, run: Run, code: int) -> None:
    def refuse(request: Any) -> Step | None:
        return reply(code) if b'"event 2"' in request.body else None

    hec.whims = [refuse] * MANY
    outcome = run(make_batch(5))
    assert outcome.balanced
    assert outcome.figures == {"accepted": 5, "delivered": 4, "dead_lettered": 1}
    assert list(outcome.dead) == ["test-2"]
    assert sorted(hec.ids) == ["test-0", "test-1", "test-3", "test-4"]


def test_p3_code_7_keeps_the_events_of_that_index_and_no_other(hec: HecServer, run: Run) -> None:
    hec.indexes = {"main"}
    events = [make_event(n, resource={"com.splunk.index": "nope" if n == 2 else "main"}) for n in ALL]
    outcome = run(Batch("b", tuple(events)), drain="50ms")
    assert outcome.balanced
    assert outcome.figures == {"accepted": 5, "delivered": 4, "queued": 1}
    assert hec.ids == ["test-0", "test-1", "test-3", "test-4"]
    assert "index nope; create the index" in outcome.printed


def test_p3_code_9_with_a_number_counts_the_events_before_it_as_possible_duplicates(hec: HecServer, run: Run) -> None:
    hec.whims = [reply(9, 2, status=503)]
    outcome = run(make_batch(5))
    assert outcome.figures == {"accepted": 5, "delivered": 5, "possibly_duplicated": 2}


def test_p10_what_is_said_names_status_code_and_what_to_do_and_never_the_token(hec: HecServer, run: Run) -> None:
    hec.whims = [reply(4, status=403, text=f"Invalid token {TOKEN}")]
    outcome = run(make_batch(5))
    assert 'HTTP 403, code 4 "Invalid token [REDACTED]"; check `token`' in outcome.printed
    assert TOKEN not in outcome.printed + json.dumps(outcome.figures)
