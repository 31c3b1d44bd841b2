"""[T7] Files of the spool: written whole, private, taken by one, kept for a while."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from beacon_track import journal, otlp, places, retention, spool

LINE = otlp.encode({"eventName": "x", "attributes": []}, {}, "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    assert places.private(str(path))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in folder.iterdir())


def dead() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_t7_a_file_is_pending_pid_random_in_a_private_directory_with_a_request_in_each_line(home: Any) -> None:
    home.run("with_click", "env", "claim")
    (name,) = home.names("pending-")
    assert len(name.split("-")) == 3
    assert name.endswith(".jsonl")
    assert (home.spool / name).stat().st_mode & 0o777 == 0o600
    assert home.spool.stat().st_mode & 0o777 == 0o700
    lines = (home.spool / name).read_bytes().splitlines()
    assert all(len(otlp.resource_logs(line)) == 1 for line in lines)
    assert otlp.merge(lines[:1]) == lines[0]  # the spool holds what the wire carries


def test_t7_a_directory_that_others_can_read_is_made_private(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    assert places.private(str(tmp_path / "open"))
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o700


def test_t7_a_link_is_no_private_directory(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert not places.private(str(tmp_path / "link"))


def test_t7_a_file_that_cannot_be_written_leaves_nothing(folder: Path) -> None:
    (folder / "taken-1-a.jsonl").mkdir()
    with pytest.raises(OSError, match="taken"):
        spool.write(str(folder), "taken-1-a.jsonl", [LINE])
    assert names(folder) == ["taken"]


def test_t7_only_one_can_take_a_file(folder: Path) -> None:
    spool.write(str(folder), "pending-1-a.jsonl", [LINE])
    taken = spool.take(str(folder), "pending-1-a.jsonl")
    assert taken == f"taken-{os.getpid()}-1-a.jsonl"
    assert spool.take(str(folder), "pending-1-a.jsonl") is None
    assert spool.waiting(str(folder)) == []
    spool.done(str(folder), taken)
    assert names(folder) == []


def test_t7_what_the_dead_have_taken_can_be_taken_again(folder: Path) -> None:
    for number in (dead(), os.getpid()):  # a process before this one had its number, as happens in containers
        name = f"taken-{number}-1-{number}.jsonl"
        spool.write(str(folder), name, [LINE])
        assert spool.waiting(str(folder)) == [name]
        taken = spool.take(str(folder), name)
        assert taken == f"taken-{os.getpid()}-1-{number}.jsonl"
        spool.give_back(str(folder), taken)
        assert spool.waiting(str(folder)) == [f"pending-1-{number}.jsonl"]
        spool.done(str(folder), f"pending-1-{number}.jsonl")


def test_t7_what_the_living_have_taken_stays_theirs(folder: Path) -> None:
    spool.write(str(folder), f"taken-{os.getppid()}-1-a.jsonl", [LINE])
    assert spool.waiting(str(folder)) == []


def test_t7_a_file_that_is_locked_is_not_taken_whatever_its_name_says(folder: Path) -> None:
    import fcntl

    spool.write(str(folder), "pending-1-a.jsonl", [LINE])
    with (folder / "pending-1-a.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert spool.take(str(folder), "pending-1-a.jsonl") is None
    assert spool.take(str(folder), "pending-1-a.jsonl") is not None


def test_t7_what_is_older_than_a_week_goes(folder: Path) -> None:
    for name, seconds in (
        ("pending-1-old.jsonl", retention.MAX_SECONDS + 60),
        ("pending-1-new.jsonl", 60),
        ("corrupt-1-old.jsonl", retention.MAX_SECONDS + 60),
        ("part-1-left", 4000),
        ("part-1-being-written", 5),
    ):
        age(Path(spool.write(str(folder), name, [LINE])), seconds)
    retention.keep_limits(str(folder))
    assert sorted(path.name for path in folder.iterdir()) == ["part-1-being-written", "pending-1-new.jsonl"]


def test_t7_more_than_a_hundred_files_become_fewer_and_keep_their_events(folder: Path) -> None:
    for number in range(130):
        path = Path(spool.write(str(folder), f"pending-1-{number:03}.jsonl", [event(number, "success")]))
        age(path, 60 * number)
    retention.keep_limits(str(folder))
    waiting = spool.waiting(str(folder))
    assert len(waiting) == 50
    lines = [line for name in waiting for line in (folder / name).read_bytes().splitlines()]
    assert sorted(lines) == sorted(event(number, "success") for number in range(130))
    for number in range(130):
        (folder / f"corrupt-1-{number}.jsonl").touch()
    retention.keep_limits(str(folder))
    assert names(folder).count("corrupt") < 100


def test_t7_of_too_many_bytes_the_oldest_go(folder: Path) -> None:
    for number in range(3):
        path = Path(spool.write(str(folder), f"pending-1-{number}.jsonl", [b"x" * (retention.MAX_BYTES // 2 - 10)]))
        age(path, 60 * number)
    retention.keep_limits(str(folder))
    assert spool.waiting(str(folder)) == ["pending-1-1.jsonl", "pending-1-0.jsonl"]


def event(number: int, outcome: str) -> bytes:
    pairs = otlp.pairs({"log.record.uid": f"{number:036}", "beacon.outcome": outcome})
    return otlp.encode({"eventName": "command", "attributes": pairs}, {}, "1")


def test_a_journal_whose_process_is_gone_becomes_a_file_with_what_had_begun_and_not_ended(folder: Path) -> None:
    program = (
        "import sys, os; from beacon_track.journal import Journal; journal = Journal(sys.argv[1])\n"
        "lines = [line.encode() for line in sys.argv[2:]]\n"
        "journal.begun(lines[0]); journal.ended(lines[1]); journal.begun(lines[2])\n"
        "os.write(journal._descriptor, b'{half')\n"
        "os._exit(1)\n"
    )
    lines = [event(1, "error").decode(), event(1, "success").decode(), event(2, "error").decode()]
    subprocess.run([sys.executable, "-c", program, str(folder), *lines], check=False, timeout=60)
    assert names(folder) == ["journal"]
    (name,) = spool.waiting(str(folder))
    assert (folder / name).read_bytes().splitlines() == [event(1, "success"), event(2, "error")]
    assert names(folder) == ["pending"]


def test_a_journal_whose_process_lives_is_its_own_and_several_that_look_find_it_once(folder: Path) -> None:
    kept = journal.Journal(str(folder))
    kept.ended(LINE)
    assert spool.waiting(str(folder)) == []
    kept.finish([LINE])
    assert len(spool.waiting(str(folder))) == 1
    assert names(folder) == ["pending"]


def test_an_empty_journal_leaves_nothing(folder: Path) -> None:
    (folder / f"journal-{dead()}-a.jsonl").touch()
    assert spool.waiting(str(folder)) == []
    assert names(folder) == []
