"""Several processes that write to one file: every line whole and there once, also while the file is rotated."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from beacon_core import Host, RetryableError, decode_line
from beacon_core.testing import make_batch
from beacon_file.exporter import FileExporter
from beacon_file.locking import Lock
from beacon_file.rotation import compress_all, rotated_path
from beacon_file.target import AppendFile

Start = Callable[..., FileExporter]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files have locks on POSIX only")

WRITERS, BATCHES, EACH = 4, 40, 10
WRITER = """
    import sys
    from beacon_core import Host
    from beacon_core.testing import make_batch
    from beacon_file.config import FileConfig
    from beacon_file.exporter import FileExporter

    path, name, batches, each, rotation = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    options = {"max_megabytes": float(rotation), "max_backups": 0, "compression": "gzip"} if rotation else None
    exporter = FileExporter(FileConfig(path=path, rotation=options, fsync=False))
    exporter.start(Host("file"))
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(batches):
        exporter.export(make_batch(each, id=f"{name}.{n}", body=name * 200))
        print(n, flush=True)
    exporter.shutdown(1)
"""


def writer(path: Path, name: str, batches: int = BATCHES, rotation: str = "") -> subprocess.Popen[str]:
    arguments = [str(path), name, str(batches), str(EACH), rotation]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def wait_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def ids_in(folder: Path) -> Counter[str]:
    """Return how often each event is in all files of a folder; every line has to be whole."""
    found: Counter[str] = Counter()
    for path in folder.iterdir():
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert data.endswith(b"\n"), path
        found.update(decode_line(line).id for line in data.splitlines())
    return found


@pytest.mark.parametrize("rotation", ["", "0.02"], ids=["one file", "rotated and compressed"])
def test_p4_every_line_of_every_process_is_there_once(tmp_path: Path, rotation: str) -> None:
    path = tmp_path / "out.jsonl"
    writers = [writer(path, f"w{number}", rotation=rotation) for number in range(WRITERS)]
    for process in writers:
        wait_ready(process)
    for process in writers:
        go(process)
    for process in writers:
        process.communicate()
        assert process.returncode == 0
    compress_all(path)  # what a process left to another one that ended
    expected = Counter(f"w{w}.{n}-{m}" for w in range(WRITERS) for n in range(BATCHES) for m in range(EACH))
    assert ids_in(tmp_path) == expected
    assert (len(list(tmp_path.iterdir())) > 10) == bool(rotation)


def test_p4_a_process_that_is_killed_leaves_no_half_line_to_the_others(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    survivor = start(path)
    killed = writer(path, "k", batches=100_000)
    with killed:
        wait_ready(killed)
        go(killed)
        assert killed.stdout is not None
        for _ in range(20):
            killed.stdout.readline()
            survivor.export(make_batch(3, id="s"))
        killed.kill()
        last = [line for line in killed.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    done = int(last[-1]) if last else 19
    survivor.export(make_batch(3, id="after"))
    found = ids_in(tmp_path)
    assert found["s-0"] == found["s-2"] == 20
    assert found["after-2"] == 1
    assert all(found[f"k.{n}-{m}"] == 1 for n in range(done + 1) for m in range(EACH))


def test_p4_half_a_line_that_another_process_left_while_this_one_runs_is_removed(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    exporter = start(path)
    exporter.export(make_batch(1, id="a"))
    with path.open("a") as file:
        file.write('{"id":"half')
    exporter.export(make_batch(1, id="b"))
    assert [json.loads(line)["id"] for line in path.read_bytes().splitlines()] == ["a-0", "b-0"]


def test_p6_a_process_that_stands_still_in_the_middle_of_a_write_is_waited_for_and_then_retried(
    tmp_path: Path, start: Start
) -> None:
    path = tmp_path / "out.jsonl"
    exporter = start(path)
    exporter._files[""]._patience = 0.01
    with path.open("a") as other:
        assert Lock().take(other.fileno())
        with pytest.raises(RetryableError, match="another process has been writing to it for too long") as failure:
            exporter.export(make_batch(1))
        assert not failure.value.ambiguous
    exporter.export(make_batch(1))
    assert ids_in(tmp_path) == {"test-0": 1}


def test_a_file_that_another_process_put_aside_meanwhile_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    file = AppendFile(path, fsync=False, patience=0.01)
    with file.held():
        file.append(b"one\n")
    with path.open("a") as other:
        assert Lock().take(other.fileno())
        path.rename(tmp_path / "aside.jsonl")  # and is being compressed, for longer than anybody wants to wait
        with file.held():
            file.append(b"two\n")
    file.close()
    assert path.read_bytes() == b"two\n"
    assert (tmp_path / "aside.jsonl").read_bytes() == b"one\n"


def test_a_backup_that_another_process_compresses_is_left_to_it(tmp_path: Path) -> None:
    backup = rotated_path(tmp_path / "out.jsonl", 10**18)
    backup.write_bytes(b"a\n")
    with backup.open("rb") as other:
        assert Lock().take(other.fileno())
        compress_all(tmp_path / "out.jsonl")
        assert [path.name for path in tmp_path.iterdir()] == [backup.name]
    compress_all(tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == [backup.name + ".gz"]


def test_two_exporters_of_one_process_write_to_one_file(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    one, other = start(path), start(path)
    for n in range(3):
        one.export(make_batch(1, id=f"one{n}"))
        other.export(make_batch(1, id=f"other{n}"))
    assert len(ids_in(tmp_path)) == 6


def test_a_file_that_is_deleted_while_it_is_written_to_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    file = AppendFile(path, fsync=False)
    with file.held():
        path.unlink()
        with pytest.raises(FileNotFoundError, match="deleted while it was written to"):
            file.append(b"lost\n")
    with file.held():
        file.append(b"again\n")
    file.close()
    assert path.read_bytes() == b"again\n"


# ---- what a run that was killed has written already ----


@pytest.mark.parametrize("line_format", ["jsonl", "otlp_json"])
def test_p4_what_a_killed_run_had_written_and_could_not_say_is_counted(
    tmp_path: Path, start: Start, line_format: str
) -> None:
    path = tmp_path / "out.jsonl"
    start(path, format=line_format).export(make_batch(5, id="a"))
    host = Host("file")
    exporter = start(path, host=host, format=line_format)
    exporter.export(make_batch(5, id="a"))  # the queue still had it
    assert host.counters.get("possibly_duplicated", "file") == 5
    exporter.export(make_batch(5, id="b", body="other"))
    exporter.export(make_batch(5, id="a"))  # from here on it is telemetry that happens to be the same
    assert host.counters.get("possibly_duplicated", "file") == 5


def test_p4_lines_of_otlp_json_do_not_say_which_events_were_before_the_cut(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"resourceLogs":[{"res')
    host = Host("file")
    exporter = start(path, host=host, format="otlp_json")
    exporter.export(make_batch(5, id="a"))
    exporter.export(make_batch(5, id="b", body="other"))
    assert host.counters.get("possibly_duplicated", "file") == 5


def test_nothing_is_counted_for_a_file_that_somebody_else_wrote(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"not ours\n" + os.urandom(1000).replace(b"\n", b""))
    host = Host("file")
    start(path, host=host).export(make_batch(5))
    assert host.counters.get("possibly_duplicated", "file") == 0
