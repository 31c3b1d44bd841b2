"""Dead letters from outside a run: shown, put back, deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core import (
    Backlog,
    Entry,
    QueueError,
    QueueUnavailableError,
    decode_line,
)
from beacon_core.queues.sqlite.dead_letters import DeadLetter, Selection, dead_letters, drop, retry, tally
from beacon_core.queues.sqlite.inspection import verify, waiting_events
from beacon_core.testing import make_batch
from tests.unit.queues.support import Holder, change, open_queue, take

EVERYTHING = Selection()


# ---- looking ----


def test_dead_letters_come_oldest_first_with_reason_attempts_and_times(path: Path) -> None:
    first, second = dead_letters(path, EVERYTHING)
    assert (first.exporter, first.reason, first.attempts) == ("splunk", "HTTP 400: no such index", 1)
    assert first.first_time == first.last_time
    assert first.first_time.endswith("Z")
    assert not isinstance(first.event, str)
    assert decode_line(bytes(first.event)) == make_batch(3, id="a").events[0]
    assert (second.id, second.event_name) == (2, "test.event")


def test_dead_letters_can_be_chosen_by_id_exporter_and_number(path: Path) -> None:
    def ids(found: Iterator[DeadLetter]) -> list[int]:
        return [letter.id for letter in found]

    assert ids(dead_letters(path, Selection((2,)))) == [2]
    assert ids(dead_letters(path, EVERYTHING, 1)) == [1]
    assert ids(dead_letters(path, Selection(None, "file"))) == []
    assert tally(path, EVERYTHING) == {"splunk": 2}
    with pytest.raises(QueueError, match="there is no dead letter 7, 9; see: beacon queue list"):
        next(dead_letters(path, Selection((9, 1, 7))))
    with pytest.raises(QueueError, match="there is no dead letter 1 of exporter file"):
        tally(path, Selection((1,), "file"))


def test_p3_an_event_that_json_cannot_say_becomes_a_dead_letter_all_the_same(tmp_path: Path) -> None:
    queue = open_queue(tmp_path / "other.db")
    strange: Any = {"a": [{None: 1}], "b": {5: {(): "c"}}}
    queue.put([Entry("x", make_batch(1, id="x", attributes=strange), ("splunk",))])
    lease = take(queue)
    queue.dead_letter(lease, {"x-0": "HTTP 400"})
    queue.ack(lease)
    queue.shutdown(1)
    (letter,) = dead_letters(tmp_path / "other.db", EVERYTHING)
    assert decode_line(bytes(letter.event)).attributes == {"a": [{"None": 1}], "b": {"5": {"()": "c"}}}


# ---- changing ----


def test_retried_dead_letters_are_delivered_by_their_exporter_as_they_were(path: Path) -> None:
    done = retry(path, EVERYTHING)
    assert (done.retried, done.batches, done.unreadable) == ({"splunk": 2}, 1, [])
    assert tally(path, EVERYTHING) == {}
    assert verify(path).ok
    queue = open_queue(path)
    assert queue.backlogs() == {"file": Backlog(8, 3), "splunk": Backlog(12, 5)}
    *_, last = take(queue).batches
    assert last.events == (make_batch(3, id="a").events[0], make_batch(3, id="c").events[2])
    assert (last.attempts, last.first_attempt) == (0, 0)
    queue.shutdown(1)


def test_only_the_chosen_dead_letters_go_back(path: Path) -> None:
    assert retry(path, Selection((2,))).retried == {"splunk": 1}
    assert [letter.id for letter in dead_letters(path, EVERYTHING)] == [1]
    with pytest.raises(QueueError, match="no dead letter 2"):
        retry(path, Selection((1, 2)))
    assert tally(path, EVERYTHING) == {"splunk": 1}
    assert retry(path, Selection(None, "file")).retried == {}


def test_p5_the_dedup_window_does_not_refuse_what_is_put_back_twice(path: Path) -> None:
    for _ in range(2):
        assert retry(path, EVERYTHING).retried == {"splunk": 2}
        queue = open_queue(path)
        lease = take(queue)
        queue.dead_letter(lease, {"a-0": "still refused", "c-2": "still refused"})
        queue.nack(lease)
        queue.shutdown(1)
    assert tally(path, EVERYTHING) == {"splunk": 2}


def test_an_event_that_is_there_twice_goes_back_in_two_batches(path: Path) -> None:
    columns = "exporter, event, reason, attempts, first_time, last_time"
    change(path, f"INSERT INTO dead_letter ({columns}) SELECT {columns} FROM dead_letter WHERE id = 1")
    assert (retry(path, EVERYTHING).batches, tally(path, EVERYTHING)) == (2, {})
    assert verify(path).ok


def test_many_dead_letters_go_back_in_batches_of_bounded_size(tmp_path: Path) -> None:
    queue = open_queue(tmp_path / "queue.db")
    queue.put([Entry("a", make_batch(2500, id="a"), ("splunk",))])
    lease = queue.lease("splunk", max_events=1, max_bytes=1, timeout=0)
    assert lease is not None
    queue.dead_letter(lease, {event.id: "refused" for event in lease.events})
    queue.shutdown(1)
    done = retry(tmp_path / "queue.db", EVERYTHING)
    assert (done.retried, done.batches) == ({"splunk": 2500}, 3)
    ids = [decode_line(line).id for line in waiting_events(tmp_path / "queue.db", None, [])]
    assert ids == [f"a-{n}" for n in range(2500)]


def test_a_dead_letter_that_cannot_be_read_is_shown_as_text_and_stays(path: Path) -> None:
    change(path, "UPDATE dead_letter SET event = substr(event, 1, 20) WHERE id = 1")
    first, second = dead_letters(path, EVERYTHING)
    assert (first.event, first.event_name) == ('{"id":"a-0","signal"', "")
    assert not isinstance(second.event, str)
    done = retry(path, EVERYTHING)
    assert (done.retried, done.unreadable) == ({"splunk": 1}, [1])
    assert verify(path).problems == ["dead letter 1: its event cannot be read"]


def test_retry_needs_the_queue_for_itself(path: Path, holder: Holder) -> None:
    with pytest.raises(QueueUnavailableError, match=rf"in use by process {holder.process.pid}, which.*stop it"):
        retry(path, EVERYTHING)
    assert holder.put("f") == {"file": 14, "splunk": 10}
    assert tally(path, EVERYTHING) == {"splunk": 2}


def test_dead_letters_can_be_deleted_while_a_run_has_the_queue(path: Path, holder: Holder) -> None:
    assert drop(path, Selection((1,))) == {"splunk": 1}
    assert [letter.id for letter in dead_letters(path, EVERYTHING)] == [2]
    assert holder.put("f") == {"file": 14, "splunk": 10}
    assert drop(path, EVERYTHING) == {"splunk": 1}
    assert verify(path).ok


def test_nothing_is_changed_while_somebody_else_writes(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(QueueUnavailableError, match=r"nothing was changed in the queue .*: database is locked"):
            retry(path, EVERYTHING)
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert retry(path, EVERYTHING).retried == {"splunk": 2}  # the lock was let go of
