"""Every row of the status table through a whole pipeline: what is sent again, put aside, kept, and whether it adds up.

A row says what becomes of five events when one request is answered with its status, and when every request is. It is
tried on each intake.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from beacon_core import Batch, Metric
from beacon_core.testing import Request, Step, make_batch, make_event
from beacon_datadog import answers
from plugins.datadog.tests.datadog_server import DatadogServer, Entry, answer
from tests.pipeline_run import Outcome, Run

KEY = "FAKE" * 8
TOKEN = "pub" + KEY
ALL = list(range(5))
HTML = b"<!doctype html><title>a proxy</title>"
DRAIN = "20ms"  # of what is kept, which is tried for ever


@dataclass(frozen=True)
class Fate:
    """What becomes of five events.

    Attributes:
        figures: of the receipt, without `accepted` and what is 0.
        again: which ones the second request carries; None: there is no second one.
        dead: whether they are dead letters.
    """

    figures: dict[str, int]
    again: list[int] | None = None
    dead: bool = False


DELIVERED = Fate({"delivered": 5})
SENT_AGAIN = Fate({"delivered": 5}, ALL)
PERHAPS_TWICE = Fate({"delivered": 5, "possibly_duplicated": 5}, ALL)
HALVES = Fate({"delivered": 5}, [0, 1])
DEAD = Fate({"dead_lettered": 5}, [0, 1], dead=True)
KEPT = Fate({"queued": 5}, ALL)

#: By status: after one such answer, and when there is no other.
ROWS: dict[int, tuple[Fate, Fate]] = {
    **dict.fromkeys((200, 202, 204), (DELIVERED, DELIVERED)),
    **dict.fromkeys((301, 302, 307, 308), (SENT_AGAIN, KEPT)),
    400: (HALVES, DEAD),
    **dict.fromkeys((401, 403, 404, 405, 407, 409, 414, 415, 418, 422), (SENT_AGAIN, KEPT)),
    408: (PERHAPS_TWICE, KEPT),
    413: (HALVES, DEAD),
    429: (SENT_AGAIN, KEPT),
    **dict.fromkeys((500, 502, 503, 504, 599), (PERHAPS_TWICE, KEPT)),
}

#: What goes wrong without an answer.
FAULTS = dict.fromkeys(("reset", "close", "half"), PERHAPS_TWICE)


def logs() -> Batch:
    return make_batch(5)


def gauges() -> Batch:
    return Batch("test", tuple(make_event(n, signal="metric", body=None, name=str(n), metric=GAUGE) for n in ALL))


GAUGE = Metric(kind="gauge", value=1)
#: Key and events of each intake; distributions are answered like series.
INTAKES: dict[str, tuple[str, Callable[[], Batch]]] = {
    "logs": (KEY, logs),
    "series": (KEY, gauges),
    "browser": (TOKEN, logs),
}


def step(status: int) -> Step:
    """Return an answer as Datadog words it, or as a proxy does."""
    if status in {301, 302, 307, 308}:
        return Step(status=status, headers={"Location": "https://elsewhere.invalid/"})
    return Step(status=204, body=b"") if status == 204 else answer(status, "as told")


def carried(asked: tuple[str, list[str]]) -> list[int]:
    return [int(name.removeprefix("test-")) for name in asked[1]]


def compare(intake: DatadogServer, outcome: Outcome, fate: Fate) -> None:
    """Compare the receipt, the dead letters, and what the second request carried."""
    assert outcome.balanced
    figures = dict(outcome.figures)
    second = [carried(asked) for asked in intake.asked[1:2]]
    if fate is KEPT:  # tried as often as there was time for
        figures.pop("possibly_duplicated", None)
        assert second in ([], [ALL])
    else:
        assert second == ([] if fate.again is None else [fate.again])
    assert figures == {"accepted": 5, **fate.figures}
    assert sorted(outcome.dead) == ([f"test-{number}" for number in ALL] if fate.dead else [])


def test_the_table_of_this_test_is_complete() -> None:
    table = tomllib.loads(Path(answers.__file__).with_name("answers.toml").read_text())["status"]
    assert {key for key in table if key.isdigit()} <= set(map(str, ROWS))
    assert {key[0] for key in table} == {str(status)[0] for status in ROWS}


@pytest.mark.parametrize("where", INTAKES)
@pytest.mark.parametrize("status", ROWS)
def test_p3_p6_a_status_is_answered_once(intake: DatadogServer, run: Run, status: int, where: str) -> None:
    intake.key, events = INTAKES[where]
    intake.turns = [step(status)]
    fate = ROWS[status][0]
    compare(intake, run(events()), fate)
    if fate.again == ALL and where != "browser":  # which gives each request an id
        assert intake.requests[0].body == intake.requests[1].body  # byte for byte
    if fate is not DELIVERED:
        assert sorted(intake.ids or [one["metric"] for one in intake.series]) == sorted(intake.asked[0][1])


@pytest.mark.parametrize("where", INTAKES)
@pytest.mark.parametrize("status", ROWS)
def test_p3_p6_a_status_is_answered_always(intake: DatadogServer, run: Run, status: int, where: str) -> None:
    intake.key, events = INTAKES[where]
    intake.mood = step(status)
    fate = ROWS[status][1]
    compare(intake, run(events(), drain=DRAIN if "queued" in fate.figures else ""), fate)
    assert intake.logs == intake.series == []


@pytest.mark.parametrize("status", [400, 408, 413, 429, 502])
def test_an_answer_of_a_proxy_has_the_same_fate(intake: DatadogServer, run: Run, status: int) -> None:
    intake.turns = [Step(status=status, body=HTML)]
    compare(intake, run(logs()), ROWS[status][0])


@pytest.mark.parametrize("fault", FAULTS)
def test_p3_p6_no_answer_at_all(intake: DatadogServer, run: Run, fault: str) -> None:
    intake.turns = [Step(status=202, body=b"{}" * 50, fault=fault)]  # type: ignore[arg-type]
    compare(intake, run(logs()), FAULTS[fault])


def test_p3_p6_an_answer_that_is_late(intake: DatadogServer, run: Run) -> None:
    intake.turns = [Step(status=202, fault="hang")]
    compare(intake, run(logs(), timeout="300ms"), PERHAPS_TWICE)


def test_p3_a_connection_that_is_refused_is_tried_again_and_nothing_is_taken_for_doubtful(run: Run) -> None:
    outcome = run(logs(), drain="500ms", logs={"endpoint": "http://127.0.0.1:9"})
    assert outcome.balanced
    assert outcome.figures == {"accepted": 5, "queued": 5}
    assert "delivery failed, it will be tried again: http://127.0.0.1:9/api/v2/logs" in outcome.printed


@pytest.mark.parametrize("status", [status for status, (_, fate) in ROWS.items() if fate is KEPT])
def test_p4_what_was_kept_is_delivered_by_the_next_run(intake: DatadogServer, run: Run, status: int) -> None:
    intake.mood = step(status)
    run(logs(), drain=DRAIN)
    intake.mood = None
    outcome = run(Batch("none", ()))
    assert outcome.balanced
    assert outcome.figures == {"carried_over": 5, "delivered": 5}
    assert intake.ids == [f"test-{number}" for number in ALL]


# ---- the bad one among good ones ----


@pytest.mark.parametrize("bad", [0, 3, 999])
@pytest.mark.parametrize("key", [KEY, TOKEN], ids=["logs", "browser"])
def test_p3_400_names_no_event_and_the_bad_one_is_found_by_halves(
    intake: DatadogServer, run: Run, key: str, bad: int
) -> None:
    intake.key, intake.poison = key, poisoned(f"test-{bad}")
    outcome = run(make_batch(1000))
    assert outcome.balanced
    assert outcome.figures == {"accepted": 1000, "delivered": 999, "dead_lettered": 1}
    assert list(outcome.dead) == [f"test-{bad}"]
    assert 'HTTP 400 "Bad Request, Invalid payload"' in outcome.dead[f"test-{bad}"]
    assert sorted(intake.ids) == sorted(f"test-{n}" for n in range(1000) if n != bad)
    assert len(intake.asked) - 1 <= 2 * 10  # twice the logarithm of a thousand


def poisoned(event_id: str) -> Callable[[Entry], bool]:
    return lambda entry: entry["beacon_id"] == event_id


def test_p3_a_bad_point_among_logs_and_points_is_found_by_halves(intake: DatadogServer, run: Run) -> None:
    def refuse(request: Request) -> Step | None:
        return answer(400, "bad metric") if b'"bad"' in request.body else None

    intake.mood = refuse
    points = [
        make_event(n, signal="metric", body=None, name="bad" if n == 7 else "good", metric=GAUGE) for n in range(5, 10)
    ]
    outcome = run(Batch("test", (*logs(), *points)))
    assert outcome.balanced
    assert outcome.figures == {"accepted": 10, "delivered": 9, "dead_lettered": 1}
    assert list(outcome.dead) == ["test-7"]
    assert sorted(intake.ids) == [f"test-{number}" for number in ALL]
    assert [one["metric"] for one in intake.series] == ["good"] * 4


def test_p3_413_puts_the_one_aside_that_is_too_large_alone(intake: DatadogServer, run: Run) -> None:
    intake.limit = 5000
    events = logs().with_events([*logs().events[:4], make_event(4, body="x" * 6000)])
    outcome = run(events)
    assert outcome.balanced
    assert outcome.figures == {"accepted": 5, "delivered": 4, "dead_lettered": 1}
    assert list(outcome.dead) == ["test-4"]
    assert "HTTP 413" in outcome.dead["test-4"]


def test_p4_logs_are_delivered_while_the_key_may_send_no_metrics(intake: DatadogServer, run: Run) -> None:
    intake.turns = [None, answer(403), answer(403)]
    points = [make_event(n, signal="metric", body=None, metric=GAUGE) for n in range(5, 7)]
    outcome = run(Batch("test", (*logs(), *points)))
    assert outcome.balanced
    assert outcome.figures == {"accepted": 7, "delivered": 7}
    assert [path for path, _ in intake.asked] == ["/api/v2/logs", *["/api/v2/series"] * 3]
    assert intake.ids == [f"test-{number}" for number in ALL]


@pytest.mark.parametrize("key", [KEY, TOKEN])
def test_p7_p10_what_is_said_names_the_status_and_what_to_do_and_never_the_key(
    intake: DatadogServer, run: Run, key: str
) -> None:
    intake.key, intake.turns = key, [answer(403, f"API key {key} is not valid")]
    outcome = run(logs())
    assert 'HTTP 403 "Forbidden, API key [REDACTED] is not valid"; check `api.key` and `api.site`' in outcome.printed
    for secret in (key, "dd-api-key", "dd-request-id"):
        assert secret not in outcome.printed + json.dumps(outcome.figures)
