"""The receiver `stdin`, on real pipes, files, terminals and in a process of its own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beacon_core import Batch, ConfigurationError, Counters, Host, QueueFullError
from beacon_core.receivers.lines import LinesConfig, StdinReceiver
from beacon_core.receivers.lines.sources import ThreadedSource, UnreadableInputError
from beacon_core.testing import ListConsumer

PROGRAM = """
import sys
from beacon_core import ConfigurationError, Host, encode_lines
from beacon_core.receivers.lines import LinesConfig, StdinReceiver

class Print:
    def consume(self, batch):
        sys.stdout.buffer.write(encode_lines(batch))
        sys.stdout.flush()

receiver = StdinReceiver(LinesConfig())
try:
    receiver.start(Host("stdin"))
except ConfigurationError as error:
    sys.exit(str(error))
receiver.run(Print())
receiver.shutdown(5)
"""


def bodies(consumer: ListConsumer) -> list[Any]:
    return [event.body for event in consumer.events]


def test_a_real_standard_input_is_read_to_its_end() -> None:
    lines = b"".join(b'{"message":%d}\n' % number for number in range(1000))
    result = subprocess.run([sys.executable, "-c", PROGRAM], input=lines, capture_output=True, check=True, timeout=60)
    assert [json.loads(line)["body"] for line in result.stdout.splitlines()] == list(range(1000))
    assert result.stderr == b""


def test_a_line_arrives_while_the_writer_pauses_and_the_process_ends_when_it_closes() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(b'{"message":%d}\n' % number)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["body"] == number
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that closes descriptors")
def test_a_closed_standard_input_is_a_configuration_error() -> None:
    command = ["/bin/sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, PROGRAM]
    result = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert result.returncode == 1
    assert b"standard input is closed" in result.stderr


def test_a_descriptor_that_is_closed_is_a_configuration_error() -> None:
    receiver = StdinReceiver(LinesConfig())
    receiver.fd = 999_999
    with pytest.raises(ConfigurationError, match="standard input is closed"):
        receiver.start(Host("stdin"))


def test_lines_of_a_pipe_arrive_in_order_however_they_are_cut(pipe: Any, stdin_of: Any, run_in_thread: Any) -> None:
    reading, writing = pipe
    consumer, counters = ListConsumer(), Counters()
    running = run_in_thread(stdin_of(reading, Host("stdin", counters)), consumer)
    data = b'\xef\xbb\xbf{"message":0}\r\n\n  \t\n{"message":1}\n\n{"message":"\xc3\xa4"}'
    for byte in range(len(data)):
        writing.write(data[byte : byte + 1])
    writing.close()
    assert running.ended()
    assert bodies(consumer) == [0, 1, "ä"]
    assert counters.get("lines", "stdin") == 3


def test_a_line_does_not_wait_for_more_lines(pipe: Any, stdin_of: Any, run_in_thread: Any, wait_until: Any) -> None:
    reading, writing = pipe
    consumer = ListConsumer()
    run_in_thread(stdin_of(reading), consumer)
    writing.write(b'{"message":"now"}\n{"message":"not comp')
    wait_until(lambda: bodies(consumer) == ["now"])
    writing.write(b'lete"}\n')
    wait_until(lambda: bodies(consumer) == ["now", "not complete"])


def test_a_steady_trickle_is_handed_on_although_it_never_pauses(
    pipe: Any, stdin_of: Any, run_in_thread: Any, wait_until: Any
) -> None:
    reading, writing = pipe
    consumer, enough = ListConsumer(), threading.Event()

    def trickle() -> None:
        while not enough.wait(0.02):
            writing.write(b"{}\n")

    writer = threading.Thread(target=trickle, daemon=True)
    run_in_thread(stdin_of(reading, max_batch_events=1_000_000), consumer)
    writer.start()
    wait_until(lambda: len(consumer.batches) >= 2)
    enough.set()
    writer.join()


def test_the_time_of_receipt_is_the_hosts_clock(pipe: Any, stdin_of: Any) -> None:
    reading, writing = pipe
    writing.write(b'{"message":1}\n')
    writing.close()
    consumer = ListConsumer()
    stdin_of(reading, Host("stdin", clock=lambda: 1_795_145_112_000_000_000)).run(consumer)
    assert consumer.events[0].time_unix_nano == 1_795_145_112_000_000_000


def test_a_file_as_standard_input_is_read_to_its_end(tmp_path: Path, stdin_of: Any) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b'{"message":1}\n' * 10_000)
    consumer = ListConsumer()
    fd = os.open(path, os.O_RDONLY)
    stdin_of(fd).run(consumer)
    os.close(fd)
    assert bodies(consumer) == [1] * 10_000
    assert max(len(batch) for batch in consumer.batches) == 100


def test_a_directory_as_standard_input_is_reported_and_counted(
    tmp_path: Path, stdin_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    counters = Counters()
    fd = os.open(tmp_path, os.O_RDONLY)
    stdin_of(fd, Host("stdin", counters)).run(ListConsumer())
    os.close(fd)
    assert counters.reasons("refused", "stdin") == {"unreadable_input": 1}
    assert "standard input cannot be read" in caplog.text


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_a_terminal_is_read_line_by_line_until_control_d(stdin_of: Any, run_in_thread: Any, wait_until: Any) -> None:
    person, terminal = os.openpty()
    consumer = ListConsumer()
    running = run_in_thread(stdin_of(terminal), consumer)
    os.write(person, b'{"message":"typed"}\n')
    wait_until(lambda: bodies(consumer) == ["typed"])
    os.write(person, b"\x04")
    assert running.ended()
    os.close(person)
    os.close(terminal)


def test_a_non_blocking_pipe_is_read_like_any_other(pipe: Any, stdin_of: Any, run_in_thread: Any) -> None:
    reading, writing = pipe
    os.set_blocking(reading, False)
    consumer = ListConsumer()
    running = run_in_thread(stdin_of(reading), consumer)
    writing.write(b'{"message":1}\n')
    time.sleep(0.3)
    writing.close()
    assert running.ended()
    assert bodies(consumer) == [1]


def test_shutdown_ends_a_read_that_waits_and_keeps_what_was_complete(
    pipe: Any, stdin_of: Any, run_in_thread: Any, wait_until: Any
) -> None:
    reading, writing = pipe
    consumer, counters = ListConsumer(), Counters()
    receiver = stdin_of(reading, Host("stdin", counters))
    running = run_in_thread(receiver, consumer)
    writing.write(b'{"message":1}\n{"message":2')
    wait_until(lambda: bodies(consumer) == [1])
    receiver.shutdown(30)
    assert running.ended()
    assert bodies(consumer) == [1]
    assert counters.reasons("refused", "stdin") == {}


def test_shutdown_is_safe_unstarted_and_twice_and_before_run(pipe: Any, stdin_of: Any) -> None:
    StdinReceiver(LinesConfig()).shutdown(1)
    receiver = stdin_of(pipe[0])
    receiver.shutdown(1)
    receiver.shutdown(1)
    receiver.run(ListConsumer())  # returns at once: its end was asked for


class Gate:
    """A consumer that is full until it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.tries = 0
        self.kept = ListConsumer()

    def consume(self, batch: Batch) -> None:
        self.tries += 1
        if not self.open.is_set():
            raise QueueFullError("full", retry_after=0.01)
        self.kept.consume(batch)


def test_nothing_is_read_while_the_queue_is_full_and_nothing_is_lost(
    stdin_of: Any, pipe: Any, run_in_thread: Any, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    reading, writing = pipe
    gate = Gate()
    running = run_in_thread(stdin_of(reading), gate)
    line = b'{"pad":"' + b"x" * 1000 + b'","message":%d}\n'

    def write() -> None:
        for number in range(3000):
            writing.write(line % number)
        writing.close()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    wait_until(lambda: gate.tries >= 20)
    assert writer.is_alive(), "3 MB do not fit into the pipe: somebody read them"
    gate.open.set()
    assert running.ended()
    assert bodies(gate.kept) == list(range(3000))


def test_shutdown_while_the_queue_is_full_gives_up_in_time_and_counts_what_is_lost(
    stdin_of: Any, pipe: Any, run_in_thread: Any, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    reading, writing = pipe
    gate, counters = Gate(), Counters()
    receiver = stdin_of(reading, Host("stdin", counters))
    running = run_in_thread(receiver, gate)
    writing.write(b"{}\n{}\n")
    wait_until(lambda: gate.tries >= 1)
    receiver.shutdown(0.2)
    assert running.ended()
    assert counters.get("lines", "stdin") == counters.reasons("refused", "stdin")["queue_blocked"] == 2


# ---- where `select` cannot be used ----


def test_the_threaded_source_gives_chunks_pauses_and_the_end(pipe: Any) -> None:
    reading, writing = pipe
    source = ThreadedSource(reading)
    assert source.read(0.01) is None
    writing.write(b"a")
    assert source.read(30) == b"a"
    assert source.read(0) is None
    writing.write(b"b")
    writing.close()
    assert source.read(30) == b"b"
    assert source.read(30) == b""


def test_the_threaded_source_reads_only_when_it_is_asked(pipe: Any) -> None:
    reading, writing = pipe
    source = ThreadedSource(reading)
    writing.write(b"a")
    assert source.read(30) == b"a"
    writing.write(b"b")
    time.sleep(0.05)
    assert select.select([reading], [], [], 0)[0], "what was not asked for is still in the pipe"


def test_the_threaded_source_says_that_reading_failed(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(UnreadableInputError):
        ThreadedSource(fd).read(30)
    os.close(fd)
