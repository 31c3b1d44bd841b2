"""Queues of several processes: a file each, one dedup window, and nothing left behind when there are fewer of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from beacon_core import Backlog, ConfigurationError, Entry, Host
from beacon_core.queues.sqlite import MemoryQueue, SqliteQueue
from beacon_core.queues.sqlite.dead_letters import Selection, tally
from beacon_core.testing import ManualClock, make_batch
from tests.unit.queues.support import change, fill, take

CLOCK = ManualClock()


def open_worker(path: Path, worker: int, workers: int = 2) -> SqliteQueue:
    queue = SqliteQueue(SqliteQueue.config_class(path=path))
    queue.share(workers)
    queue.start(Host("queue", worker=worker, clock=CLOCK))
    return queue


def put(queue: SqliteQueue, *names: str) -> list[bool]:
    return queue.put([Entry(name, make_batch(3, id=name), ("splunk",)) for name in names])


def test_p5_a_request_that_comes_again_to_another_process_is_stored_once(tmp_path: Path) -> None:
    one, two = (open_worker(tmp_path / "queue.db", number) for number in (1, 2))
    assert put(one, "a") == [True]
    assert put(two, "a", "b") == [False, True]
    assert put(one, "b", "c", "a") == [False, True, False]
    assert [queue.backlogs()["splunk"].events for queue in (one, two)] == [6, 3]
    CLOCK.move(601)
    assert put(two, "a") == [True]  # the window is over
    for queue in (one, two):
        queue.shutdown(1)


RACE = """
import pathlib, sys
from beacon_core import Entry, Host
from beacon_core.queues.sqlite import SqliteQueue
from beacon_core.testing import make_batch
queue = SqliteQueue(SqliteQueue.config_class(path=pathlib.Path(sys.argv[1])))
queue.share(2)
queue.start(Host("queue", worker=int(sys.argv[2])))
print("ready", flush=True)
sys.stdin.readline()
print(sum(queue.put([Entry(str(n), make_batch(1, id=str(n)), ("file",))])[0] for n in range(200)))
queue.shutdown(1)
"""


def test_p5_of_processes_that_store_the_same_at_the_same_time_one_does(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path / "queue.db"), number],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in "12"
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_p1_what_processes_left_that_there_are_no_more_is_delivered_by_the_first(tmp_path: Path, workers: int) -> None:
    path = tmp_path / "queue.db"
    for number in (1, 2, 3):
        queue = open_worker(path, number, 3)
        put(queue, f"of-{number}", f"more-{number}")
        lease = take(queue)
        queue.ack(lease, {f"of-{number}-0"})
        queue.dead_letter(lease, {f"of-{number}-1": "because"})
        queue.shutdown(1)
    before = {file.name for file in tmp_path.glob("*.db")}
    assert before == {"queue.db", "queue.worker-2.db", "queue.worker-3.db"}
    queue = open_worker(path, 1, workers)
    taken = {1, 3} if workers == 2 else {1, 2, 3}
    assert queue.backlogs() == {"splunk": Backlog(4 * len(taken), len(taken))}
    ids = [("of", 2), *(("more", n) for n in range(3))]
    assert [event.id for event in take(queue).events] == [f"{name}-{of}-{n}" for of in sorted(taken) for name, n in ids]
    assert tally(path, Selection()) == {"splunk": len(taken)}
    assert put(queue, "of-3") == [False]  # P5
    assert {file.name for file in tmp_path.glob("*.db")} == before - {
        f"queue.worker-{n}.db" for n in range(workers + 1, 4)
    }
    queue.shutdown(1)


def test_p8_of_a_damaged_file_of_a_former_process_what_can_be_read_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    queue = open_worker(path, 2)
    fill(queue)
    queue.shutdown(1)
    change(tmp_path / "queue.worker-2.db", "DROP TABLE seen")
    queue = open_worker(path, 1, 1)
    assert queue.backlogs()["splunk"].events == 10
    assert list(tmp_path.glob("queue.worker-2.db.damaged-*"))
    queue.shutdown(1)


def test_a_former_process_that_still_runs_stops_the_start(tmp_path: Path) -> None:
    running = open_worker(tmp_path / "queue.db", 2)
    with pytest.raises(ConfigurationError, match="in use by process"):
        open_worker(tmp_path / "queue.db", 1, 1)
    running.shutdown(1)


def test_a_queue_in_memory_serves_one_process_only() -> None:
    with pytest.raises(ConfigurationError, match="take the queue `sqlite`"):
        MemoryQueue(MemoryQueue.config_class()).share(2)
