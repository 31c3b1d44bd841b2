"""The receiver `file_input`, on real files."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from beacon_core import Batch, ConfigurationError, Counters, Host, QueueFullError
from beacon_core.receivers.lines import FileInputConfig, FileInputReceiver
from beacon_core.testing import ListConsumer

Make = Callable[..., FileInputReceiver]


def read(receiver: FileInputReceiver) -> list[Any]:
    consumer = ListConsumer()
    receiver.run(consumer)
    return [event.body for event in consumer.events]


def write(path: Path, *bodies: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'{{"message":"{body}"}}\n' for body in bodies))
    return path


# ---- which files ----


def test_files_are_read_in_the_order_of_the_patterns_and_by_name_each_once(tmp_path: Path, file_input: Make) -> None:
    for name in ("b.jsonl", "a.jsonl", "deep/er/c.jsonl", "z.log"):
        write(tmp_path / name, name)
    (tmp_path / "folder.jsonl").mkdir()
    patterns = (tmp_path / "z.log", tmp_path / "*.jsonl", tmp_path / "**" / "*.jsonl", tmp_path / "a.jsonl")
    assert read(file_input(*patterns)) == ["z.log", "a.jsonl", "b.jsonl", "deep/er/c.jsonl"]


def test_exclude_leaves_files_out(tmp_path: Path, file_input: Make) -> None:
    for name in ("a.jsonl", "b.jsonl", "b.old.jsonl"):
        write(tmp_path / name, name)
    excluded = [str(tmp_path / "*.old.*"), str(tmp_path / "nothing*")]
    assert read(file_input(tmp_path / "*.jsonl", exclude=excluded)) == ["a.jsonl", "b.jsonl"]


def test_relative_patterns_are_relative_to_the_working_directory(
    tmp_path: Path, file_input: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "logs" / "a.jsonl", "a")
    monkeypatch.chdir(tmp_path)
    assert read(file_input("logs/*.jsonl", exclude=[str(tmp_path / "other")])) == ["a"]


def test_a_name_with_pattern_characters_is_found_as_it_is(tmp_path: Path, file_input: Make) -> None:
    assert read(file_input(write(tmp_path / "a[1].jsonl", "a"))) == ["a"]


def test_p10_patterns_without_a_match_are_all_named_at_start(tmp_path: Path, file_input: Make) -> None:
    write(tmp_path / "a.jsonl", "a")
    with pytest.raises(ConfigurationError) as caught:
        file_input(tmp_path / "a.jsonl", tmp_path / "missing.jsonl", tmp_path / "*.log")
    assert f'"{tmp_path / "missing.jsonl"}", "{tmp_path / "*.log"}"' in str(caught.value)
    assert "a.jsonl" not in str(caught.value).replace("missing.jsonl", "")


def test_p10_excluding_everything_is_a_configuration_error(tmp_path: Path, file_input: Make) -> None:
    path = write(tmp_path / "a.jsonl", "a")
    with pytest.raises(ConfigurationError, match="exclude leaves no file"):
        file_input(path, exclude=[str(path)])


def test_include_is_required() -> None:
    for options in ({}, {"include": []}):
        with pytest.raises(ValidationError):
            FileInputConfig(**options)


# ---- what is in them ----


def test_a_last_line_without_a_newline_does_not_run_into_the_next_file(tmp_path: Path, file_input: Make) -> None:
    (tmp_path / "a").write_bytes(b'\xef\xbb\xbf{"message":1}\r\n\r\n{"message":2}')
    (tmp_path / "b").write_bytes(b'\xef\xbb\xbf{"message":3}\n\xef\xbb\xbf{"message":4}\n\xef\xbb\xbf')
    (tmp_path / "c").write_bytes(b"")
    assert read(file_input(tmp_path / "?")) == [1, 2, 3, 4]


def test_gzip_is_known_by_its_first_bytes_whatever_the_name(tmp_path: Path, file_input: Make) -> None:
    members = gzip.compress(b'{"message":1}\n') + gzip.compress(b'{"message":2}\n')
    (tmp_path / "a.jsonl").write_bytes(members)
    (tmp_path / "b.gz").write_bytes(b'{"message":3}\n')
    assert read(file_input(tmp_path / "*")) == [1, 2, 3]


def test_a_damaged_gzip_file_gives_its_good_lines_and_the_next_file_is_read(
    tmp_path: Path, file_input: Make, caplog: pytest.LogCaptureFixture
) -> None:
    lines = b"".join(b'{"message":%d}\n' % number for number in range(20_000))
    whole = gzip.compress(lines)
    (tmp_path / "a.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.gz").write_bytes(b"\x1f\x8bnot gzip at all")
    corrupt = bytearray(whole)
    corrupt[40:60] = b"x" * 20
    (tmp_path / "c.gz").write_bytes(corrupt)
    write(tmp_path / "d", "fine")
    counters = Counters()
    *good, last = read(file_input(tmp_path / "*", host=Host("file_input", counters)))
    assert last == "fine"
    assert good == list(range(len(good)))
    assert good
    assert counters.reasons("refused", "file_input") == {"unreadable_input": 3}
    assert f"{tmp_path / 'a.gz'} cannot be read: is a damaged gzip file" in caplog.text


def test_a_file_that_cannot_be_read_is_counted_and_the_others_are_read(
    tmp_path: Path, file_input: Make, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b", "d"):
        write(tmp_path / name, name)
    os.mkfifo(tmp_path / "c")
    counters = Counters()
    receiver = file_input(tmp_path / "*", host=Host("file_input", counters))
    (tmp_path / "b").unlink()  # after start
    assert read(receiver) == ["a", "d"]
    assert counters.reasons("refused", "file_input") == {"unreadable_input": 2}
    assert f"{tmp_path / 'b'} cannot be read: No such file or directory" in caplog.text
    assert f"{tmp_path / 'c'} cannot be read: is not a regular file" in caplog.text


def test_a_line_over_the_limit_is_counted_and_the_next_one_is_fine(
    tmp_path: Path, file_input: Make, caplog: pytest.LogCaptureFixture
) -> None:
    long = '{"message":"' + "x" * 300_000 + '"}\n'
    (tmp_path / "a").write_text('{"message":1}\n' + long + '{"message":2}\n' + long.rstrip())
    counters = Counters()
    receiver = file_input(tmp_path / "a", host=Host("file_input", counters), max_line_bytes="100KiB")
    assert read(receiver) == [1, 2]
    assert counters.reasons("refused", "file_input") == {"line_too_long": 2}
    assert counters.get("lines", "file_input") == 4
    assert f"{tmp_path / 'a'}:2 line refused (line_too_long): longer than max_line_bytes (102400)" in caplog.messages


def test_p10_malformed_lines_are_counted_and_the_first_ten_are_told_without_their_content(
    tmp_path: Path, file_input: Make, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a").write_text('{"message":1}\n\n' + 'secret "sk_live_FAKE"\n' * 25 + '{"message":2}\n')
    counters = Counters()
    assert read(file_input(tmp_path / "a", host=Host("file_input", counters))) == [1, 2]
    assert counters.reasons("refused", "file_input") == {"malformed_line": 25}
    assert counters.get("lines", "file_input") == 27
    expected = [f"{tmp_path / 'a'}:{n} line refused (malformed_line): not JSON (byte 0)" for n in range(3, 13)]
    assert caplog.messages == [*expected, "15 more lines refused (malformed_line: 15)"]
    assert all(record.levelname == "WARNING" for record in caplog.records)
    assert "sk_live" not in caplog.text


def test_the_name_of_a_file_cannot_forge_a_line_of_the_log(
    tmp_path: Path, file_input: Make, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a\nERROR forged"
    path.write_text("x\n")
    read(file_input(path))
    assert "\n" not in caplog.messages[0]


# ---- a run ----


def test_p5_the_same_file_read_again_in_another_run_is_no_repeated_request(tmp_path: Path, file_input: Make) -> None:
    path = write(tmp_path / "a", "a", "a")
    consumer = ListConsumer()
    for _ in range(2):
        file_input(path).run(consumer)
    receiver = file_input(path)
    receiver.run(consumer)
    receiver.start(Host("file_input"))
    receiver.run(consumer)
    assert len(consumer.batches) == 4
    assert len({batch.id for batch in consumer.batches}) == 4
    assert len({event.id for event in consumer.events}) == 8


def test_the_lines_of_small_files_share_batches(tmp_path: Path, file_input: Make) -> None:
    for number in range(30):
        write(tmp_path / f"{number:02d}", "a", "b")
    consumer = ListConsumer()
    file_input(tmp_path / "*", max_batch_events=20).run(consumer)
    assert [len(batch) for batch in consumer.batches] == [20, 20, 20]


class Slow:
    """A consumer that is full until the receiver is shut down."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()
        self.kept = ListConsumer()

    def consume(self, batch: Batch) -> None:
        self.reached.set()
        if not self.open.is_set():
            raise QueueFullError("full", retry_after=0.01)
        self.kept.consume(batch)


def test_shutdown_stops_reading_and_what_was_read_is_consumed(
    tmp_path: Path, file_input: Make, run_in_thread: Any, wait_until: Any
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"".join(b'{"message":%d}\n' % number for number in range(100_000)))
    consumer, counters = Slow(), Counters()
    receiver = file_input(path, host=Host("file_input", counters))
    running = run_in_thread(receiver, consumer)
    assert consumer.reached.wait(30)
    stopping = threading.Thread(target=receiver.shutdown, args=(30,))
    stopping.start()
    wait_until(lambda: receiver._stop.requested)
    consumer.open.set()
    stopping.join(30)
    assert running.ended()
    seen = [event.body for event in consumer.kept.events]
    assert seen == list(range(len(seen)))
    assert 0 < len(seen) == counters.get("lines", "file_input") < 100_000
    assert counters.reasons("refused", "file_input") == {}


def test_shutdown_is_safe_unstarted_and_after_the_run(tmp_path: Path, file_input: Make) -> None:
    FileInputReceiver(FileInputConfig(include=["x"])).shutdown(1)
    receiver = file_input(write(tmp_path / "a", "a"))
    assert read(receiver) == ["a"]
    receiver.shutdown(1)
    receiver.shutdown(1)
