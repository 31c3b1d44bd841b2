"""Rotation: by size and time, named by time, compressed without a moment of loss, limited in number."""

from __future__ import annotations

import gzip
import logging
import os
import re
import stat
import subprocess
import sys
import textwrap
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from beacon_core import Host, decode_line
from beacon_core.testing import ManualClock, make_batch
from beacon_file.config import FileConfig, RotationOptions
from beacon_file.exporter import FileExporter
from beacon_file.rotation import compress_all, delete_oldest, is_due, rotated_path, rotated_paths

SMALL = 1000 / 1024 / 1024
NOON = 1_795_176_000_000_000_000  # 2026-11-20T12:00:00Z
SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def started(path: Path, *, step: int = 1, **rotation: Any) -> FileExporter:
    ticks = count(NOON, step * 1_000_000_000)
    exporter = FileExporter(FileConfig(path=str(path), rotation={"max_megabytes": SMALL, **rotation}))  # type: ignore[arg-type]
    exporter.start(Host("file", clock=lambda: next(ticks)))
    return exporter


def ids(path: Path) -> list[str]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [decode_line(line).id for line in data.splitlines()]


def test_the_defaults_are_100_mib_and_ten_files() -> None:
    options = RotationOptions()
    assert (options.max_bytes, options.max_backups, options.compression) == (100 * 1024 * 1024, 10, "none")


def test_a_full_file_is_put_aside_with_utc_time_and_counter(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    exporter = started(path, step=0)
    for n in range(3):
        exporter.export(make_batch(4, id=f"b{n}"))
    exporter.shutdown(1)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["out-2026-11-20T12-00-00Z-0000.jsonl", "out-2026-11-20T12-00-00Z-0001.jsonl", "out.jsonl"]
    assert [ids(tmp_path / name)[0] for name in names] == ["b0-0", "b1-0", "b2-0"]


def test_a_batch_is_never_divided_between_two_files(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    exporter = started(path)
    exporter.export(make_batch(50, id="bigger-than-the-limit"))
    exporter.export(make_batch(1, id="next"))
    exporter.shutdown(1)
    assert len(ids(*rotated_paths(path))) == 50
    assert ids(path) == ["next-0"]


def test_without_rotation_the_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    exporter = FileExporter(FileConfig(path=str(path), rotation=None))
    for n in range(5):
        exporter.export(make_batch(10, id=f"b{n}"))
    exporter.shutdown(1)
    assert list(tmp_path.iterdir()) == [path]


def test_only_the_newest_backups_are_kept_and_other_files_are_let_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    other = tmp_path / "out-notes.jsonl"
    other.touch()
    exporter = started(path, max_backups=2)
    for n in range(6):
        exporter.export(make_batch(4, id=f"b{n}"))
    exporter.shutdown(1)
    assert [ids(p)[0] for p in rotated_paths(path)] == ["b3-0", "b4-0"]
    assert other.exists()


def test_zero_backups_keeps_all(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for second in range(5):
        rotated_path(path, NOON + second * 1_000_000_000).touch()
    delete_oldest(path, 0)
    assert len(rotated_paths(path)) == 5


def test_p2_rotated_files_are_compressed_and_private(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    exporter = started(path, compression="gzip")
    for n in range(3):
        exporter.export(make_batch(4, id=f"b{n}"))
    exporter.shutdown(1)
    files = sorted(p for p in tmp_path.iterdir() if p != path)
    assert all(re.fullmatch(r"out-.*-0000\.jsonl\.gz", p.name) for p in files)
    assert [ids(p)[0] for p in files] == ["b0-0", "b1-0"]
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}


def test_p1_a_crash_while_compressing_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    half, replaced = rotated_path(path, NOON), rotated_path(path, NOON + 1_000_000_000)
    half.write_bytes(b"a\n")  # the temporary file was not finished
    half.with_name(half.name + ".gz.tmp").write_bytes(b"\x1f\x8bgarbage")
    replaced.write_bytes(b"b\n")  # the compressed file was finished, the plain one not yet deleted
    replaced.with_name(replaced.name + ".gz").write_bytes(gzip.compress(b"b\n"))
    compress_all(path)
    assert [gzip.decompress(p.read_bytes()) for p in sorted(tmp_path.iterdir())] == [b"a\n", b"b\n"]


def test_a_backup_that_cannot_be_compressed_keeps_no_event_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "out.jsonl"
    exporter = started(path, compression="gzip")
    exporter.export(make_batch(4, id="a"))
    blocker = rotated_path(path, NOON)
    blocker.with_name(blocker.name + ".gz.tmp").mkdir()
    with caplog.at_level(logging.WARNING):
        exporter.export(make_batch(4, id="b"))
    exporter.shutdown(1)
    assert "could not be tidied" in caplog.text
    assert ids(path) == ["b-0", "b-1", "b-2", "b-3"]
    assert ids(blocker) == ["a-0", "a-1", "a-2", "a-3"]


# ---- by time and age ----


def test_a_file_of_an_earlier_hour_is_put_aside_before_the_first_batch_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    clock = ManualClock(NOON + 59 * 60 * SECOND)
    exporter = FileExporter(FileConfig(path=str(path), rotation=RotationOptions(interval=3600)))
    exporter.start(Host("file", clock=clock))
    for name, minutes in (("a", 0), ("b", 0), ("c", 2), ("d", 50), ("e", 100)):
        clock.move(minutes * 60)
        exporter.export(make_batch(1, id=name))
        os.utime(path, ns=(clock.now, clock.now))
    exporter.shutdown(1)
    assert [ids(p) for p in rotated_paths(path)] == [["a-0", "b-0"], ["c-0", "d-0"]]
    assert ids(path) == ["e-0"]
    assert [p.name for p in rotated_paths(path)] == [
        "out-2026-11-20T13-01-00Z-0000.jsonl",
        "out-2026-11-20T15-31-00Z-0000.jsonl",
    ]


def test_an_earlier_run_counts_for_the_time_too_and_an_empty_file_is_never_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.touch()
    os.utime(path, (0, 0))
    for name in ("a", "b"):
        exporter = FileExporter(FileConfig(path=str(path), rotation=RotationOptions(interval=86400)))
        exporter.start(Host("file"))
        exporter.export(make_batch(1, id=name))
        exporter.shutdown(1)
        os.utime(path, (0, 0))
    assert [ids(p) for p in rotated_paths(path)] == [["a-0"]]
    assert ids(path) == ["b-0"]


def test_a_clock_that_goes_back_puts_nothing_aside() -> None:
    options = RotationOptions(interval=60)
    assert not is_due(options, size=1, more=1, modified=lambda: NOON, clock=lambda: NOON - 3600 * SECOND)


def test_rotated_files_are_deleted_when_they_are_old_enough_compressed_or_not(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for day in range(4):
        name = rotated_path(path, NOON + day * DAY)
        name.touch()
        name.rename(name.with_name(name.name + ["", ".gz", ".zst", ""][day]))
    (tmp_path / "out-2026-99-99T99-99-99Z-0000.jsonl").touch()  # no day: not ours
    delete_oldest(path, 0, max_days=1.5, now=NOON + 3 * DAY)
    assert len(rotated_paths(path)) == 2
    delete_oldest(path, 1, max_days=1.5, now=NOON + 3 * DAY)
    assert [p.name for p in rotated_paths(path)] == ["out-2026-11-23T12-00-00Z-0000.jsonl"]
    assert len(list(tmp_path.iterdir())) == 2


def test_old_files_are_deleted_at_the_start_and_when_files_are_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    old = rotated_path(path, NOON - 3 * DAY)
    old.touch()
    exporter = started(path, max_days=2)
    assert not old.exists()
    old.touch()
    exporter.export(make_batch(4, id="a"))
    assert old.exists()
    exporter.export(make_batch(4, id="b"))
    exporter.shutdown(1)
    assert not old.exists()
    assert len(rotated_paths(path)) == 1


# ---- compression ----


def test_rotated_files_can_be_compressed_with_zstd(tmp_path: Path) -> None:
    zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    path = tmp_path / "out.jsonl"
    exporter = FileExporter(
        FileConfig(path=str(path), compression="zstd", rotation=RotationOptions(max_megabytes=SMALL))
    )
    exporter.start(Host("file", clock=lambda: NOON))
    for n in range(2):
        exporter.export(make_batch(4, id=f"b{n}"))
    exporter.shutdown(1)
    (backup,) = set(tmp_path.iterdir()) - {path}
    assert backup.name == "out-2026-11-20T12-00-00Z-0000.jsonl.zst"
    lines = zstd.decompress(backup.read_bytes()).splitlines()
    assert [decode_line(line).id for line in lines] == [f"b0-{n}" for n in range(4)]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_p10_zstd_that_is_not_installed_is_a_configuration_error_that_says_what_to_install(tmp_path: Path) -> None:
    program = """
        import sys
        sys.modules |= {"compression.zstd": None, "backports.zstd": None}
        from beacon_core import ConfigurationError
        from beacon_file.config import FileConfig
        from beacon_file.exporter import FileExporter

        exporter = FileExporter(FileConfig(path=sys.argv[1], compression="zstd"))
        for check in (exporter.validate, lambda: exporter.start(None)):
            try:
                check()
            except ConfigurationError as error:
                print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "out.jsonl")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said = "compression zstd is not installed; pip install 'beacon-file[zstd]', or use gzip\n"
    assert done.stdout == said * 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, "none"),
        ({"compression": "gzip"}, "gzip"),
        ({"rotation": {"compression": "gzip"}}, "gzip"),
        ({"rotation": {"compression": "zstd"}, "compression": "zstd"}, "zstd"),
    ],
)
def test_compression_stands_where_the_collector_has_it_or_below_rotation(options: Any, found: str) -> None:
    assert FileConfig.model_validate({"path": "x"} | options).compress_with == found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rotation": {"compression": "zstd"}, "compression": "gzip"}, "differ"),
        ({"rotation": None, "compression": "gzip"}, "only rotated files are compressed"),
    ],
)
def test_p10_compression_that_contradicts_itself_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FileConfig.model_validate({"path": "x"} | options)
