"""The receiver `spool`: what it takes, what it leaves, and what it sets aside."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from beacon_core import (
    Batch,
    ConfigurationError,
    Consumer,
    Counters,
    Host,
    QueueFullError,
    QueueUnavailableError,
    Receiver,
)
from beacon_core.receivers.spool import SpoolConfig, SpoolReceiver
from beacon_core.receivers.spool.reading import MAX_EVENTS
from beacon_core.testing import ListConsumer, ManualClock, ReceiverContract, RefusingConsumer
from tests.unit.receivers.spool.files import dead_pid, leave, line

PATIENCE = 30.0
DAY = 86400.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def bodies(consumer: ListConsumer) -> list[Any]:
    return [event.body for event in consumer.events]


def one_pass(folder: Path, consumer: Consumer, *, clock: Callable[[], int] = time.time_ns, **options: Any) -> Counters:
    counters = Counters()
    spool = SpoolReceiver(SpoolConfig(directory=folder, **options))
    spool.start(Host("spool", counters, clock=clock, once=True))
    spool.run(consumer)
    spool.shutdown(1)
    return counters


@contextmanager
def running(
    folder: Path, consumer: Consumer, counters: Counters | None = None, **options: Any
) -> Iterator[SpoolReceiver]:
    spool = SpoolReceiver(SpoolConfig(directory=folder, poll_interval=0.01, **options))
    spool.start(Host("spool", counters or Counters()))
    thread = threading.Thread(target=spool.run, args=(consumer,), daemon=True)
    thread.start()
    try:
        yield spool
    finally:
        spool.shutdown(PATIENCE)
        thread.join(PATIENCE)
    assert not thread.is_alive()


class TestSpoolReceiver(ReceiverContract):
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "spool"

    @pytest.fixture
    def receiver(self, folder: Path) -> Receiver:
        return SpoolReceiver(SpoolConfig(directory=folder, poll_interval=0.01))

    @pytest.fixture
    def send(self, folder: Path) -> Callable[[Receiver], bool | None]:
        numbers = iter(range(1000))

        def send(_receiver: Receiver) -> bool | None:
            number = next(numbers)
            leave(folder, f"event {number}", name=f"pending-1-{number}.jsonl")
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                if not names(folder):
                    return True
                time.sleep(0.005)
            return None

        return send


# ---- what it takes ----


def test_t7_files_are_taken_the_oldest_first_and_deleted(tmp_path: Path) -> None:
    for number, name in enumerate(["pending-9-z.jsonl", "pending-1-a.jsonl", "pending-5-m.jsonl"]):
        os.utime(leave(tmp_path, f"{number}a", f"{number}b", name=name), (time.time(), time.time() - 100 + number))
    consumer = ListConsumer()
    counters = one_pass(tmp_path, consumer)
    assert bodies(consumer) == ["0a", "0b", "1a", "1b", "2a", "2b"]
    assert consumer.events[0].name == "command"
    assert consumer.events[0].resource == {"service.name": "app"}
    assert counters.get("lines", "spool") == 6
    assert names(tmp_path) == []


def test_t7_what_comes_later_is_taken_too_and_the_folder_may_come_later(tmp_path: Path) -> None:
    folder, consumer = tmp_path / "spool", ListConsumer()
    with running(folder, consumer):
        leave(folder, "first")
        wait_until(lambda: bodies(consumer) == ["first"])
        leave(folder, "second")
        wait_until(lambda: bodies(consumer) == ["first", "second"])


def test_only_files_with_the_agreed_names_are_touched(tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere"
    secret.write_bytes(line("mine"))
    folder = tmp_path / "spool"
    for name in ("notes.jsonl", "pending-1-a.json", ".pending-1-a.jsonl.tmp", "pending-.jsonl.gz"):
        leave(folder, "no", name=name)
    (folder / "pending-1-link.jsonl").symlink_to(secret)
    (folder / "pending-1-folder.jsonl").mkdir()
    before = names(folder)
    consumer = ListConsumer()
    one_pass(folder, consumer)
    assert (consumer.events, names(folder)) == ([], before)


def test_p1_a_file_stays_until_its_events_are_stored(tmp_path: Path) -> None:
    leave(tmp_path, "a", name="pending-7-x.jsonl")
    consumer = RefusingConsumer(QueueUnavailableError("the disk is full"))
    with running(tmp_path, consumer):
        wait_until(consumer.refused.is_set)
        assert names(tmp_path) == [f"taken-{os.getpid()}-7-x.jsonl"]
    assert names(tmp_path) == ["pending-7-x.jsonl"]


def test_p5_the_same_file_gives_the_same_batches_however_often_it_is_read(tmp_path: Path) -> None:
    content = b"".join(line(f"event {number}") for number in range(MAX_EVENTS + 5))
    batches = []
    for _ in range(2):
        leave(tmp_path, content=content)
        consumer = ListConsumer()
        one_pass(tmp_path, consumer)
        batches.append(consumer.batches)
    assert batches[0] == batches[1]
    assert [len(batch) for batch in batches[0]] == [MAX_EVENTS, 5]
    assert len({event.id for event in consumer.events}) == MAX_EVENTS + 5


def test_p1_what_is_stored_of_a_file_is_not_there_any_more_when_the_rest_is_given_back(tmp_path: Path) -> None:
    class OneBatch(RefusingConsumer):
        """Takes the first batch only."""

        def consume(self, batch: Batch) -> None:
            if self.batches:
                super().consume(batch)
            else:
                self.batches.append(batch)

    lines = [line(f"event {number}") for number in range(MAX_EVENTS + 5)]
    leave(tmp_path, content=b"".join(lines))
    first, second = OneBatch(QueueFullError("full", retry_after=0.01)), ListConsumer()
    with running(tmp_path, first):
        wait_until(first.refused.is_set)
    assert (tmp_path / "pending-4711-a.jsonl").read_bytes() == b"".join(lines[MAX_EVENTS:])
    assert names(tmp_path) == ["pending-4711-a.jsonl"]
    assert stat.S_IMODE((tmp_path / "pending-4711-a.jsonl").stat().st_mode) == 0o600
    one_pass(tmp_path, second)
    assert [len(consumer.events) for consumer in (first, second)] == [MAX_EVENTS, 5]


def test_a_line_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    leave(tmp_path, "a", "b", "a")
    consumer = ListConsumer()
    one_pass(tmp_path, consumer)
    assert bodies(consumer) == ["a", "b"]


# ---- what is damaged ----


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line("cut")[:40], "malformed_line"),
        (b"not json\n", "malformed_line"),
        (b'{"message": "hunter2"}\n', "malformed_line"),
        (b'{"resourceMetrics": []}\n', "malformed_line"),
        (b"\xff\xfe\n", "malformed_line"),
        (b"[" * 100_000 + b"\n", "malformed_line"),
        (line("x" * 200_000), "line_too_long"),
        (line("x" * 200_000)[:-1], "line_too_long"),
    ],
)
def test_t7_p10_a_damaged_line_loses_no_good_one_and_the_file_is_set_aside(
    tmp_path: Path, bad: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = line("first") + b"\n" + line("second") + bad
    leave(tmp_path, content=content)
    consumer = ListConsumer()
    counters = one_pass(tmp_path, consumer, max_line_bytes=150_000)
    assert bodies(consumer) == ["first", "second"]
    assert counters.reasons("refused", "spool") == {reason: 1}
    assert (tmp_path / "corrupt-4711-a.jsonl").read_bytes() == content
    assert names(tmp_path) == ["corrupt-4711-a.jsonl"]
    assert "corrupt-4711-a.jsonl was set aside; damaged lines: 1, the first is line 4: " in caplog.text
    assert "hunter2" not in caplog.text


def test_a_damaged_line_in_the_middle_loses_nothing_after_it(tmp_path: Path) -> None:
    leave(tmp_path, content=line("a") + line("x" * 200_000) + line("b") + b"{\n" + line("c"))
    consumer = ListConsumer()
    counters = one_pass(tmp_path, consumer, max_line_bytes=1000)
    assert bodies(consumer) == ["a", "b", "c"]
    assert counters.get("refused", "spool") == 2


def test_a_last_line_without_its_newline_is_whole_if_it_can_be_read(tmp_path: Path) -> None:
    leave(tmp_path, content=line("a") + line("b").rstrip())
    consumer = ListConsumer()
    one_pass(tmp_path, consumer)
    assert bodies(consumer) == ["a", "b"]
    assert names(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_told_of_once_and_holds_up_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leave(tmp_path, "closed", name="pending-1-a.jsonl").chmod(0)
    leave(tmp_path, "open", name="pending-2-b.jsonl")
    consumer = ListConsumer()
    one_pass(tmp_path, consumer)
    assert bodies(consumer) == ["open"]
    assert names(tmp_path) == ["pending-1-a.jsonl"]
    assert caplog.text.count("pending-1-a.jsonl cannot be taken: Permission denied") == 1


# ---- how long, how many ----


def test_t7_what_is_older_than_seven_days_is_removed_unread_and_counted(tmp_path: Path) -> None:
    clock = ManualClock(time.time_ns())
    for name, age in [("pending-1-old.jsonl", 8), ("pending-1-young.jsonl", 6), ("corrupt-1-old.jsonl", 8)]:
        written = clock.now / 1e9 - age * DAY
        os.utime(leave(tmp_path, name, name=name), (written, written))
    consumer = ListConsumer()
    counters = one_pass(tmp_path, consumer, clock=clock)
    assert bodies(consumer) == ["pending-1-young.jsonl"]
    assert counters.reasons("refused", "spool") == {"too_old": 2}
    assert names(tmp_path) == []


def test_t7_more_files_than_may_stay_are_all_taken_while_the_queue_takes_them(tmp_path: Path) -> None:
    for number in range(150):
        leave(tmp_path, str(number), name=f"pending-{number}-x.jsonl")
    consumer = ListConsumer()
    one_pass(tmp_path, consumer)
    assert len(consumer.events) == 150


def test_t7_at_most_so_many_files_wait_for_a_queue_that_takes_nothing(tmp_path: Path) -> None:
    for number in range(8):
        path = leave(tmp_path, str(number), name=f"pending-{number}-x.jsonl")
        os.utime(path, (time.time(), time.time() - 100 + number))
    counters, consumer = Counters(), RefusingConsumer(QueueFullError("full", retry_after=0.01))
    with running(tmp_path, consumer, counters, max_files=3):
        wait_until(consumer.refused.is_set)
    assert names(tmp_path) == ["pending-5-x.jsonl", "pending-6-x.jsonl", "pending-7-x.jsonl"]
    assert counters.reasons("refused", "spool") == {"queue_blocked": 5}


def test_t7_at_most_so_many_damaged_files_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        path = leave(tmp_path, content=b"{", name=f"corrupt-{number}-x.jsonl")
        os.utime(path, (time.time(), time.time() - 100 + number))
    one_pass(tmp_path, ListConsumer(), max_files=2)
    assert names(tmp_path) == ["corrupt-3-x.jsonl", "corrupt-4-x.jsonl"]


# ---- who has it ----


def test_t7_a_file_whose_taker_died_is_taken_over(tmp_path: Path) -> None:
    leave(tmp_path, "orphan", name=f"taken-{dead_pid()}-7-x.jsonl")
    consumer = ListConsumer()
    one_pass(tmp_path, consumer)
    assert bodies(consumer) == ["orphan"]
    assert names(tmp_path) == []


def test_t7_a_file_whose_taker_lives_is_left_to_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        name = f"taken-{other.pid}-7-x.jsonl"
        leave(tmp_path, "theirs", name=name)
        consumer = ListConsumer()
        one_pass(tmp_path, consumer)
        other.communicate(b"\n")
    assert (consumer.events, names(tmp_path)) == ([], [name])


def test_t7_a_file_of_a_predecessor_with_the_same_process_number_is_taken_over(tmp_path: Path) -> None:
    leave(tmp_path, "before the restart", name=f"taken-{os.getpid()}-7-x.jsonl")  # containers: all are number 1
    consumer = ListConsumer()
    one_pass(tmp_path, consumer)
    assert bodies(consumer) == ["before the restart"]


@pytest.mark.skipif(os.name == "nt", reason="on Windows an open file cannot be renamed")
def test_t7_a_file_that_a_process_we_cannot_see_has_locked_is_left_to_it(tmp_path: Path) -> None:
    name = f"taken-{dead_pid()}-7-x.jsonl"  # to us: its number is of another container
    path = leave(tmp_path, "theirs", name=name)
    program = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        consumer = ListConsumer()
        one_pass(tmp_path, consumer)
        other.communicate(b"\n")
    assert (consumer.events, names(tmp_path)) == ([], [name])


def test_t7_two_receivers_of_one_process_never_take_the_same_file(tmp_path: Path) -> None:
    for number in range(200):
        leave(tmp_path, str(number), name=f"pending-{number}-x.jsonl")
    consumer = ListConsumer()
    with running(tmp_path, consumer), running(tmp_path, consumer):
        wait_until(lambda: len(consumer.events) >= 200 and not names(tmp_path))
    assert sorted(bodies(consumer), key=int) == [str(number) for number in range(200)]


# ---- the folder ----


def test_a_directory_that_is_a_file_is_a_configuration_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(ConfigurationError, match="cannot be read: Not a directory"):
        SpoolReceiver(SpoolConfig(directory=path)).start(Host("spool"))


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_folder_that_others_can_write_to_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o777)
    SpoolReceiver(SpoolConfig(directory=tmp_path)).start(Host("spool"))
    assert "chmod 700" in caplog.text
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o777
