"""Rotation: by size, named by time, compressed without a moment of loss, limited in number."""

from __future__ import annotations

import gzip
import logging
import re
import stat
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from beacon_core import Host, decode_line
from beacon_core.testing import make_batch
from beacon_file.config import FileConfig, RotationOptions
from beacon_file.exporter import FileExporter
from beacon_file.rotation import compress_all, delete_oldest, rotated_path, rotated_paths

SMALL = 1000 / 1024 / 1024
NOON = 1_795_176_000_000_000_000  # 2026-11-20T12:00:00Z


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


def test_the_example_of_the_readme_is_valid() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    example = readme.split("```yaml\n")[1].split("```")[0]
    FileConfig.model_validate(yaml.safe_load(example)["exporters"]["file/archive"])
