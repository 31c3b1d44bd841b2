"""A queue's file looked into from outside: what is there is shown, damage is found, and nothing is changed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from beacon_core import (
    BeaconError,
    ConfigurationError,
    Entry,
    decode_line,
)
from beacon_core.queues.sqlite.dead_letters import Selection, dead_letters, drop, retry
from beacon_core.queues.sqlite.inspection import events_once, status, verify, waiting_events
from beacon_core.testing import make_batch
from tests.unit.queues.support import Holder, change, open_queue

NOW = 1_795_145_112_904_000_000 + 90_000_000_000  # 90 seconds after the events of make_batch
EVERYTHING = Selection()
LOOKS: dict[str, Callable[[Path], object]] = {
    "status": lambda path: status(path, NOW),
    "dead_letters": lambda path: list(dead_letters(path, EVERYTHING)),
    "waiting_events": lambda path: list(waiting_events(path, None, [])),
    "events_once": lambda path: list(events_once(path, [])),
    "verify": verify,
}


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


# ---- looking ----


def test_status_tells_what_waits_what_was_put_aside_and_how_old_it_is(path: Path) -> None:
    found = status(path, NOW)
    splunk, file = found.exporters["splunk"], found.exporters["file"]
    assert (file.batches, file.events, file.dead_letters) == (3, 8, 0)
    assert (splunk.batches, splunk.events, splunk.dead_letters) == (4, 10, 2)
    assert file.oldest_time == "2026-11-20T03:25:12.904Z"
    assert file.oldest_age_seconds == 90.0
    assert splunk.oldest_time == "2026-11-20T03:25:12.904000001Z"  # a-0 waits no more
    assert (found.held, found.held_by, found.schema_version) == (False, None, 1)
    assert found.size_bytes == path.stat().st_size
    assert 0 < found.stored_bytes < found.size_bytes
    assert (found.quarantined_batches, found.damaged_files) == (0, [])


def test_status_names_the_process_that_holds_the_queue(path: Path, holder: Holder) -> None:
    found = status(path, NOW)
    assert (found.held, found.held_by) == (True, holder.process.pid)
    assert found.exporters["file"].events == 11


def test_p8_status_counts_quarantined_batches_and_names_files_that_were_set_aside(path: Path) -> None:
    path.with_name("queue.db.damaged-17").write_bytes(b"?")
    path.with_name("queue.db.damaged-17-wal").write_bytes(b"?")
    path.with_name("other.db.damaged-3").write_bytes(b"?")
    change(path, "INSERT INTO quarantine SELECT seq, payload, 'checksum does not match' FROM batch WHERE seq = 2")
    found = status(path, NOW)
    assert (found.quarantined_batches, found.damaged_files) == (1, ["queue.db.damaged-17"])


def test_waiting_events_are_event_lines_with_their_exporter(path: Path) -> None:
    damaged: list[int] = []
    lines = list(waiting_events(path, None, damaged))
    assert [(json.loads(line)["exporter"], decode_line(line).id) for line in lines[:3]] == [
        ("file", "b-0"),
        ("file", "b-2"),
        ("file", "c-0"),
    ]
    assert decode_line(lines[0]) == make_batch(3, id="b").events[0]
    assert [decode_line(line).id for line in waiting_events(path, "splunk", damaged)][:2] == ["a-1", "a-2"]
    assert (len(lines), damaged) == (18, [])


def test_all_of_a_long_queue_is_read(tmp_path: Path) -> None:
    queue = open_queue(tmp_path / "queue.db")
    queue.put([Entry(str(n), make_batch(2, id=str(n)), ("file",)) for n in range(200)])
    queue.shutdown(1)
    ids = [decode_line(line).id for line in waiting_events(tmp_path / "queue.db", None, [])]
    assert ids == [f"{n}-{m}" for n in range(200) for m in range(2)]


# ---- looking changes nothing ----


@pytest.mark.parametrize("look", LOOKS)
def test_looking_neither_creates_nor_changes_a_file(path: Path, look: str) -> None:
    before = snapshot(path.parent)
    LOOKS[look](path)
    assert snapshot(path.parent) == before


@pytest.mark.parametrize("look", LOOKS)
def test_looking_at_a_queue_in_use_changes_nothing_and_sees_the_latest(path: Path, holder: Holder, look: str) -> None:
    before = snapshot(path.parent)
    LOOKS[look](path)
    assert snapshot(path.parent) == before
    assert holder.put("f")["file"] == status(path, NOW).exporters["file"].events == 14


@pytest.mark.parametrize("look", LOOKS)
def test_looking_at_what_a_killed_process_left_sees_its_log_and_changes_nothing(
    path: Path, holder: Holder, look: str
) -> None:
    holder.process.kill()
    holder.process.wait()
    before = snapshot(path.parent)
    assert len(before) == 4
    LOOKS[look](path)
    assert status(path, NOW).exporters["file"].events == 11
    assert status(path, NOW).held is False
    assert snapshot(path.parent) == before


def test_a_log_without_its_index_is_an_error_that_says_what_to_do(path: Path, holder: Holder) -> None:
    holder.process.kill()
    holder.process.wait()
    index = path.with_name("queue.db-shm")
    index.unlink()
    with pytest.raises(ConfigurationError, match=r"queue.db-wal without queue.db-shm.*make an empty file queue.db-shm"):
        status(path, NOW)
    index.touch()
    assert status(path, NOW).exporters["file"].events == 11
    assert index.stat().st_size == 0


@pytest.mark.usefixtures("holder")
def test_a_symbolic_link_leads_to_the_log_beside_the_file_itself(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(path)
    assert status(tmp_path / "link.db", NOW).exporters["file"].events == 11
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link.db", "state"]


def test_a_name_with_special_characters_is_found(path: Path) -> None:
    odd = path.rename(path.with_name("100%25 queue?mode=rwc#1.db"))
    assert status(odd, NOW).exporters["splunk"].events == 10
    assert verify(odd).ok


def test_p10_what_is_no_queue_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with pytest.raises(ConfigurationError, match=r"there is no queue .*queue.db.*--queue FILE"):
        status(path, NOW)
    change(path, "CREATE TABLE theirs (x)")
    with pytest.raises(ConfigurationError, match="is not a queue of Beacon"):
        verify(path)
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(ConfigurationError, match="cannot be read: file is not a database; `beacon run` takes over"):
        verify(path)
    path.write_bytes(b"")
    with pytest.raises(ConfigurationError, match="or an empty one"):
        retry(path, EVERYTHING)
    with pytest.raises(ConfigurationError, match=r"cannot be opened|cannot be read"):
        status(tmp_path, NOW)
    assert [file.name for file in tmp_path.iterdir()] == ["queue.db"]


def test_a_queue_of_another_version_is_left_alone(path: Path) -> None:
    change(path, "PRAGMA user_version = 99")
    with pytest.raises(ConfigurationError, match=r"schema 99, not 1"):
        drop(path, EVERYTHING)


# ---- damage ----


def test_verify_finds_nothing_in_a_good_queue_and_says_what_it_looked_at(path: Path) -> None:
    found = verify(path)
    assert (found.ok, found.problems) == (True, [])
    assert (found.batches, found.events, found.dead_letters, found.quarantined_batches) == (4, 18, 2, 0)
    assert found.stored_bytes == status(path, NOW).stored_bytes


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE batch SET crc = crc + 1 WHERE seq = 2", "batch 2: checksum does not match"),
        ("DELETE FROM batch WHERE seq = 3", "batch 3: it is noted for file and not there"),
        ("DELETE FROM delivery WHERE seq = 4", "batch 4: no exporter has to deliver it"),
        ("UPDATE delivery SET events = 9 WHERE seq = 4", "batch 4: 3 events are left for file, 9 are noted"),
        (
            "UPDATE delivery SET remaining = '[\"z-1\"]' WHERE seq = 1",
            "batch 1: the list of what is left for splunk does not belong to it",
        ),
        (
            "UPDATE delivery SET remaining = '[\"a-' WHERE seq = 1",
            "batch 1: the list of what is left for splunk does not belong to it",
        ),
    ],
)
def test_verify_lists_what_does_not_fit_together(path: Path, statement: str, problem: str) -> None:
    change(path, statement)
    found = verify(path)
    assert not found.ok
    assert problem in found.problems


def test_p8_a_damaged_batch_is_left_out_and_the_others_are_shown(path: Path) -> None:
    change(path, "UPDATE batch SET payload = zeroblob(length(payload)) WHERE seq = 1")
    damaged: list[int] = []
    assert [decode_line(line).id for line in waiting_events(path, "splunk", damaged)][:2] == ["b-0", "b-1"]
    assert damaged == [1]
    assert status(path, NOW).exporters["splunk"].oldest_time is None
    assert verify(path).problems == ["batch 1: checksum does not match"]


def test_verify_notices_a_flipped_bit_in_the_file(path: Path) -> None:
    content = path.read_bytes()
    assert content.count(b"event 1") >= 4
    path.write_bytes(content.replace(b"event 1", b"event 3", 1))
    assert not verify(path).ok


def test_p8_whatever_is_damaged_there_is_an_answer_or_a_clear_error(path: Path) -> None:
    chance = random.Random(3)
    good = path.read_bytes()
    used = [place for place, byte in enumerate(good) if byte]
    verdicts: set[object] = set()
    for number in range(300):
        content = bytearray(good if number % 6 else good[: chance.randrange(len(good))])
        for _ in range(chance.choice([1, 3, 20])):
            content[min(chance.choice(used), len(content) - 1)] = chance.randrange(256)
        path.write_bytes(content)
        for name, look in LOOKS.items():
            try:
                found = look(path)
                verdicts.add((name, getattr(found, "ok", None)))
            except ConfigurationError as error:
                verdicts.add((name, type(error)))
        assert path.read_bytes() == content
        for act in (retry, drop):
            with suppress(BeaconError):
                act(path, EVERYTHING)
        for file in path.parent.iterdir():
            file.unlink()
    assert {("verify", True), ("verify", False), ("verify", ConfigurationError)} <= verdicts
