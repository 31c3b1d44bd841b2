"""Appending: whole batches, private files, torn lines, full disks, replaced files."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beacon_core import ConfigurationError, Host, RetryableError, decode_line
from beacon_core.testing import make_batch
from beacon_file.config import FileConfig
from beacon_file.exporter import FileExporter

Start = Callable[..., FileExporter]


@pytest.fixture
def start() -> Iterator[Start]:
    exporters = []

    def make(path: Path | str, **options: Any) -> FileExporter:
        exporter = FileExporter(FileConfig(path=str(path), **options))
        exporters.append(exporter)
        exporter.start(Host("file"))
        return exporter

    yield make
    for exporter in exporters:
        exporter.shutdown(1)


def ids(path: Path) -> list[str]:
    return [decode_line(line).id for line in path.read_bytes().splitlines()]


def test_one_event_is_one_line_with_the_documented_keys(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    start(path).export(make_batch(2))
    lines = path.read_bytes().splitlines(keepends=True)
    assert [line[-1:] for line in lines] == [b"\n", b"\n"]
    first = json.loads(lines[0])
    assert list(first)[:5] == ["id", "signal", "name", "time", "time_unix_nano"]
    assert first["id"] == "test-0"
    assert first["body"] == "event 0"


def test_an_existing_file_is_appended_to_never_cut(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    start(path).export(make_batch(1, id="a"))
    start(path).export(make_batch(1, id="b"))
    assert ids(path) == ["a-0", "b-0"]


def test_p2_files_and_new_directories_belong_to_their_owner_only(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "new" / "deeper" / "out.jsonl"
    start(path).export(make_batch())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("half", ['{"', '{"id":"a-1","signal":"log","bo', '{"id":"x' + "y" * 100_000])
def test_p4_half_a_line_that_a_kill_left_is_removed_because_its_event_comes_again(
    tmp_path: Path, start: Start, half: str
) -> None:
    path = tmp_path / "out.jsonl"
    start(path).export(make_batch(1, id="a"))
    with path.open("a") as file:
        file.write(half)
    start(path).export(make_batch(1, id="b"))
    assert ids(path) == ["a-0", "b-0"]


@pytest.mark.parametrize("last", ["a line of somebody else", '{"id":"whole"}', '{"other": '])
def test_a_last_line_of_somebody_else_stays_and_is_ended(tmp_path: Path, start: Start, last: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(last)
    start(path).export(make_batch(1))
    first, second = path.read_text().splitlines()
    assert first == last
    assert json.loads(second)["id"] == "test-0"


def test_an_empty_batch_writes_nothing(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    start(path).export(make_batch(0))
    assert path.read_bytes() == b""


@pytest.mark.parametrize("fsync", [True, False])
def test_p1_lines_are_in_the_file_when_export_returns(tmp_path: Path, start: Start, fsync: bool) -> None:
    path = tmp_path / "out.jsonl"
    start(path, fsync=fsync).export(make_batch(3))
    assert len(ids(path)) == 3


def test_p1_every_batch_is_synced_by_default() -> None:
    assert FileConfig(path="x").fsync is True


def test_a_file_that_logrotate_moved_away_is_left_and_a_new_one_begun(tmp_path: Path, start: Start) -> None:
    path, moved = tmp_path / "out.jsonl", tmp_path / "out.jsonl.1"
    exporter = start(path)
    exporter.export(make_batch(1, id="a"))
    path.rename(moved)
    exporter.export(make_batch(1, id="b"))
    assert (ids(moved), ids(path)) == (["a-0"], ["b-0"])


def test_a_directory_that_vanished_is_made_again(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "gone" / "out.jsonl"
    exporter = start(path)
    path.unlink()
    path.parent.rmdir()
    exporter.export(make_batch(1))
    assert ids(path) == ["test-0"]


def test_a_file_cut_by_copytruncate_goes_on_at_its_start(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    exporter = start(path)
    exporter.export(make_batch(1, id="a"))
    os.truncate(path, 0)
    exporter.export(make_batch(1, id="b"))
    assert ids(path) == ["b-0"]


def test_p10_a_directory_as_path_is_a_configuration_error(tmp_path: Path, start: Start) -> None:
    with pytest.raises(ConfigurationError, match="is a directory"):
        start(tmp_path)


def test_p10_a_file_where_a_directory_should_be_is_a_configuration_error(tmp_path: Path, start: Start) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="Not a directory"):
        start(tmp_path / "file" / "out.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a Linux device")
def test_p10_a_device_is_a_configuration_error() -> None:
    exporter = FileExporter(FileConfig(path="/dev/full"))
    with pytest.raises(ConfigurationError, match="regular file"):
        exporter.export(make_batch())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have names on POSIX only")
def test_p10_a_pipe_is_refused_without_waiting_for_a_reader(tmp_path: Path, start: Start) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="regular file"):
        start(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_p10_missing_rights_are_a_configuration_error(tmp_path: Path, start: Start) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        start(tmp_path / "out.jsonl")


LIMITED = """
    import resource, sys
    from beacon_core import Host, RetryableError
    from beacon_core.testing import make_batch
    from beacon_file.config import FileConfig
    from beacon_file.exporter import FileExporter

    exporter = FileExporter(FileConfig(path=sys.argv[1], rotation=None))
    exporter.start(Host("file"))
    exporter.export(make_batch(3, id="before"))
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, unlimited[1]))
    try:
        exporter.export(make_batch(100, id="big"))
    except RetryableError as error:
        print(error.ambiguous, error)
    with open(sys.argv[1], "rb") as lines:
        print(sum(1 for line in lines if line.endswith(b"\\n")))
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    exporter.export(make_batch(100, id="big"))
    exporter.shutdown(1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_p4_a_write_that_finds_no_room_leaves_no_torn_and_no_repeated_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LIMITED), str(path)], check=True, capture_output=True, text=True
    )
    refused, lines = run.stdout.splitlines()
    assert refused == f"False {path}: File too large"
    assert lines == "3"
    assert ids(path) == [f"before-{n}" for n in range(3)] + [f"big-{n}" for n in range(100)]


def test_p1_after_a_kill_every_line_but_the_last_is_whole(tmp_path: Path, start: Start) -> None:
    path = tmp_path / "out.jsonl"
    script = """
        import sys
        from beacon_core import Host
        from beacon_core.testing import make_batch
        from beacon_file.config import FileConfig
        from beacon_file.exporter import FileExporter

        exporter = FileExporter(FileConfig(path=sys.argv[1]))
        exporter.start(Host("file"))
        for n in range(10_000):
            exporter.export(make_batch(10, id=f"b{n}"))
            print(n, flush=True)
    """
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], stdout=subprocess.PIPE, text=True
    )
    with writer:
        assert writer.stdout is not None
        for _ in range(20):
            writer.stdout.readline()
        writer.kill()
        last = [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    done = int(last[-1]) + 1 if last else 20
    start(path).export(make_batch(1, id="after"))
    written = {json.loads(line)["id"] for line in path.read_bytes().splitlines() if line.endswith(b"}")}
    assert written >= {f"b{n}-{m}" for n in range(done) for m in range(10)}
    assert "after-0" in written


def test_shutdown_is_safe_unstarted_and_twice(tmp_path: Path, start: Start) -> None:
    FileExporter(FileConfig(path=str(tmp_path / "never.jsonl"))).shutdown(1)
    exporter = start(tmp_path / "out.jsonl")
    exporter.shutdown(1)
    exporter.shutdown(1)
    assert not (tmp_path / "never.jsonl").exists()


def test_construction_touches_nothing(tmp_path: Path) -> None:
    FileExporter(FileConfig(path=str(tmp_path / "out.jsonl")))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_cannot_be_written_at_start_does_not_stop_the_service(caplog: pytest.LogCaptureFixture) -> None:
    path = Path("/proc/self/beacon/out.jsonl")  # /proc refuses to make directories with ENOENT
    if not path.parent.parent.exists():
        pytest.skip("a Linux file system")
    exporter = FileExporter(FileConfig(path=str(path)))
    exporter.start(Host("file"))
    assert "tried again" in caplog.text
    with pytest.raises(RetryableError, match="No such file"):
        exporter.export(make_batch())
