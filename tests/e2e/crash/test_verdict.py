"""Each thing that a crash campaign must not show is found where it is shown."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.crash.evidence import Arrival, Evidence, QueueState, RunRecord
from tests.e2e.crash.files import AppendedFile
from tests.e2e.crash.verdict import violations

EXPORTER = "file"


def events(run: int, *numbers: int, confirmed: bool = True) -> list[Arrival]:
    return [Arrival(run, f"id-{n}", f"c0-{n}-0", confirmed) for n in numbers]


def line(**figures: int) -> dict[str, Any]:
    nothing = dict.fromkeys(("carried_over", "accepted", "delivered", "filtered", "dead_lettered", "queued"), 0)
    return {**nothing, "dropped": {}, **figures}


def receipt(received: int, **figures: int) -> dict[str, Any]:
    return {"balanced": True, "received": received, "deduplicated": 0, "exporters": {EXPORTER: line(**figures)}}


@pytest.fixture
def seen() -> Evidence:
    """Two kills, of which the second repeats an attempt of two, and an end with everything delivered."""
    names = [f"c0-{n}-0" for n in range(6)]
    runs = [
        RunRecord(0, "intake", killed=True, after=QueueState(Counter({EXPORTER: 3}))),
        RunRecord(1, "delivery", killed=True, before=QueueState(Counter({EXPORTER: 3}))),
        RunRecord(2, "last", before=QueueState(Counter({EXPORTER: 2})), receipt=receipt(2, accepted=2, carried_over=2)),
    ]
    runs[2].receipt = receipt(2, carried_over=2, accepted=2, delivered=4)
    arrivals = events(0, 0, 1) + events(1, 0, 1, 2, 3) + events(2, 2, 3, 4, 5)
    return Evidence(attempt=2, acknowledged=names, arrivals={EXPORTER: arrivals}, runs=runs)


def sentence(seen: Evidence) -> str:
    found = violations(seen)
    assert len(found) == 1, found
    return found[0]


def test_repeated_attempts_after_kills_are_no_violation(seen: Evidence) -> None:
    assert violations(seen) == []


def test_a_lost_record_is_named(seen: Evidence) -> None:
    seen.acknowledged.append("c0-9-0")
    assert sentence(seen) == "file: 1 acknowledged records are lost: c0-9-0"


def test_a_torn_line_that_never_comes_again_is_named(seen: Evidence) -> None:
    seen.torn = {EXPORTER: ["id-3", "id-77", ""]}
    assert sentence(seen) == "file: 1 torn lines did not arrive again: id-77"


def test_a_run_that_repeats_more_than_one_attempt_is_found(seen: Evidence) -> None:
    seen.attempt = 1
    assert any("run 1 repeated 2 events, more than one attempt of 1" in found for found in violations(seen))


def test_more_duplicates_than_kills_explain_are_found(seen: Evidence) -> None:
    seen.runs[0].killed = seen.runs[1].killed = False
    assert sentence(seen) == "file: 4 duplicates, more than 0 for 0 interruptions"


def test_a_repetition_within_a_run_is_found(seen: Evidence) -> None:
    seen.arrivals[EXPORTER] += events(2, 5)
    assert "although confirmed: id-5" in sentence(seen)


def test_a_repetition_of_what_was_not_confirmed_is_no_violation(seen: Evidence) -> None:
    seen.arrivals[EXPORTER][-1:] = events(2, 5, confirmed=False) + events(2, 5)
    assert violations(seen) == []


def test_a_record_that_overtakes_is_found(seen: Evidence) -> None:
    seen.arrivals[EXPORTER][-2:] = events(2, 5, 4)
    assert sentence(seen) == "file: 1 records were overtaken by later ones: c0-4-0"


def test_a_receipt_that_does_not_add_up_is_found(seen: Evidence) -> None:
    seen.runs[2].receipt = receipt(2, carried_over=2, accepted=3, delivered=4)
    assert "does not balance" in sentence(seen)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"carried_over": 3, "queued": 1}, "carried over 3, queued were 2"),
        ({"queued": 1, "delivered": 3}, "says queued 1, the file has 0"),
        ({"delivered": 5, "accepted": 3}, "says delivered 5, 4 arrived"),
        ({"delivered": 3, "dead_lettered": 1}, "says delivered 3, 4 arrived"),
    ],
)
def test_a_receipt_that_says_what_nobody_saw_is_found(seen: Evidence, changed: dict[str, int], said: str) -> None:
    seen.runs[2].receipt = receipt(3, **{"carried_over": 2, "accepted": 2, "delivered": 4, **changed})
    assert any(said in found for found in violations(seen))


def test_two_receipts_that_do_not_continue_each_other_are_found(seen: Evidence) -> None:
    seen.runs[1].killed = False
    seen.runs[1].receipt = receipt(3, carried_over=3, accepted=3, delivered=4, queued=2)
    seen.runs[1].after = QueueState(Counter({EXPORTER: 2}))
    assert violations(seen) == []
    seen.runs[2].receipt = receipt(2, carried_over=1, accepted=3, delivered=4)
    assert "run 1 left {'file': 2} queued, run 2 carried {'file': 1} over" in violations(seen)


def test_dead_letters_are_no_loss_but_have_to_be_poison_and_single(seen: Evidence) -> None:
    seen.acknowledged += ["c1-0-0-poison"]
    seen.runs[-1].after.dead = {EXPORTER: [("id-p", "c1-0-0-poison")]}
    assert violations(seen) == []
    seen.runs[-1].after.dead[EXPORTER] *= 2
    assert sentence(seen) == "file: 1 events are in the dead letters twice: id-p"
    seen.runs[-1].after.dead = {EXPORTER: [("id-p", "c1-0-0-poison"), ("id-0", "c0-0-0")]}
    assert sentence(seen) == "file: 1 dead letters that nothing is wrong with: c0-0-0"


# ---- half lines ----

ONE, TWO, THREE = (b'{"id":"%d","body":"c0-%d-0"}\n' % (n, n) for n in range(3))


def test_half_a_line_is_excused_after_a_kill_only(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(ONE + TWO[:12])
    file = AppendedFile(path)
    assert file.collect(0, killed=False) == ["the file does not end with a newline"]
    file = AppendedFile(path)
    assert file.collect(0, killed=True) == []
    assert file.torn == ["1"]


@pytest.mark.parametrize("begin", [ONE, ONE + TWO[:12] + b"\n"], ids=["removed", "ended"])
def test_the_next_run_may_remove_half_a_line_or_go_on_after_it(tmp_path: Path, begin: bytes) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(ONE + TWO[:12])
    file = AppendedFile(path)
    assert file.collect(0, killed=True) == []
    assert file.collect(1, killed=True) == []  # it did nothing
    path.write_bytes(begin + TWO + THREE)
    assert file.collect(2, killed=False) == []
    assert [(arrival.run, arrival.id) for arrival in file.arrivals] == [(0, "0"), (2, "1"), (2, "2")]
    assert file.torn == ["1"]


def test_a_line_in_the_middle_that_cannot_be_read_is_found(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(ONE + TWO[:12] + b"\n" + THREE)
    assert AppendedFile(path).collect(0, killed=True) == ["a line cannot be read"]
