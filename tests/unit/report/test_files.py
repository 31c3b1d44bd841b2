"""Which lines a report reads: a file with its rotated parts, whole, damaged, compressed, empty, very long."""

from __future__ import annotations

import gzip
import importlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from beacon_core.report import UnreadableFileError, read_report, report_on
from beacon_core.report.files import LONGEST_LINE
from tests.unit.report.support import SECOND, START, Lines


def zstd(data: bytes) -> bytes:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            packed: bytes = importlib.import_module(name).compress(data)
        except ImportError:
            continue
        return packed
    pytest.skip("zstd is not installed")


def requests(path: Path) -> int:
    return sum(session.usage.requests for session in read_report(path).sessions)


@pytest.mark.parametrize(
    "damage", [b"{}", b"[1]", b"nonsense", b'{"id":"x","signal":"log"', b"\x00\xff", b'{"a":' * 5000, b'"\xed\xa0\x80"']
)
def test_p8_damaged_lines_are_counted_and_left_out(tmp_path: Path, damage: bytes) -> None:
    line = Lines()
    (tmp_path / "runtime.jsonl").write_bytes(line.usage() + damage + b"\n" + line.usage() + b"\n\n")
    report = read_report(tmp_path / "runtime.jsonl")
    assert (report.events, report.damaged) == (2, 1)
    assert [(warning.code, warning.message) for warning in report.warnings()] == [
        ("damaged_lines", "1 line left out: not an event")
    ]


def test_p8_a_line_that_is_half_written_is_left_out_and_a_whole_one_without_its_end_counts(tmp_path: Path) -> None:
    line, path = Lines(), tmp_path / "runtime.jsonl"
    path.write_bytes(line.usage() + line.usage()[:-20])
    assert (read_report(path).events, read_report(path).damaged) == (1, 1)
    path.write_bytes(line.usage() + line.usage()[:-1])
    assert (read_report(path).events, read_report(path).damaged) == (2, 0)


def test_a_line_without_an_end_is_read_in_pieces_and_the_next_one_is_found(tmp_path: Path) -> None:
    path, line = tmp_path / "runtime.jsonl", Lines()
    with path.open("wb") as file:
        file.write(line.usage())
        file.write(b"x" * (2 * LONGEST_LINE + 7) + b"\n")
        file.write(line.usage())
    report = read_report(path)
    assert (report.events, report.damaged) == (2, 1)


def test_an_empty_file_is_an_empty_report(tmp_path: Path) -> None:
    (tmp_path / "runtime.jsonl").touch()
    report = read_report(tmp_path / "runtime.jsonl")
    assert (report.events, report.sessions, report.warnings()) == (0, [], [])


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    for missing in (tmp_path / "runtime.jsonl", tmp_path / "none" / "runtime.jsonl"):
        with pytest.raises(UnreadableFileError, match=r"runtime\.jsonl: "):
            read_report(missing)
    with pytest.raises(UnreadableFileError, match=re.escape(f"{tmp_path}: ")):
        read_report(tmp_path)


@pytest.mark.parametrize(("ending", "packed"), [(".gz", gzip.compress), (".zst", zstd)])
def test_compressed_files_are_unpacked_and_damage_in_them_is_no_end(
    tmp_path: Path, ending: str, packed: Callable[[bytes], bytes]
) -> None:
    line = Lines()
    path = tmp_path / f"runtime.jsonl{ending}"
    data = packed(b"".join(line.usage(model=str(number)) for number in range(5000)))
    path.write_bytes(data)
    assert requests(path) == 5000
    path.write_bytes(data[: len(data) // 2])
    report = read_report(path)
    assert 0 < report.events < 5000
    assert report.damaged in {1, 2}  # what cannot be unpacked, and maybe half a line before it
    path.write_bytes(b"not packed")
    assert (read_report(path).events, read_report(path).damaged) == (0, 1)


def test_the_rotated_parts_are_read_too_in_their_order_and_no_other_file(tmp_path: Path) -> None:
    line = Lines()
    for name, cost in {
        "runtime-2026-01-31T12-00-00Z-0000.jsonl": 1.0,
        "runtime-2026-01-31T12-00-00Z-0001.jsonl.gz": 0.5,
        "runtime-2026-02-01T12-00-00Z-0000.jsonl.zst": 0.25,
        "runtime.jsonl": 0.125,
        "runtime-2026-01-31T12-00-00Z-0000.jsonl.gz.tmp": 99,
        "runtime-of-others.jsonl": 99,
        "runtime-2026-02-01T12-00-00Z-0000.jsonl.bak": 99,
    }.items():
        data = line.usage(cost=cost)
        data = gzip.compress(data) if name.endswith(".gz") else zstd(data) if name.endswith(".zst") else data
        (tmp_path / name).write_bytes(data)
    (session,) = read_report(tmp_path / "runtime.jsonl").sessions
    assert float(session.usage.cost_usd or 0) == 1.875
    (tmp_path / "runtime.jsonl").unlink()
    (session,) = read_report(tmp_path / "runtime.jsonl").sessions
    assert float(session.usage.cost_usd or 0) == 1.75
    assert requests(tmp_path / "runtime-2026-01-31T12-00-00Z-0001.jsonl.gz") == 1


def test_a_part_that_is_being_compressed_is_read_once(tmp_path: Path) -> None:
    data = Lines().usage()
    (tmp_path / "runtime-2026-01-31T12-00-00Z-0000.jsonl").write_bytes(data)
    (tmp_path / "runtime-2026-01-31T12-00-00Z-0000.jsonl.gz").write_bytes(gzip.compress(data)[:10])
    report = read_report(tmp_path / "runtime.jsonl")
    assert (report.events, report.damaged, report.repeated) == (1, 0, 0)


def test_what_happened_before_a_time_is_left_out() -> None:
    line = Lines()
    lines = [line.usage(at) for at in (0, 5, 10)]
    report = report_on(lines, since_unix_nano=START + 5 * SECOND)
    assert (report.events, report.before) == (2, 1)


@pytest.mark.parametrize("member", ["time_unix_nano", "id", "signal", "attributes", "resource", "scope", "span"])
@pytest.mark.parametrize("value", ["null", "-1", "1e400", '"x"', "[[]]", '{"a":{"b":[]}}', "99999999999999999999999"])
def test_a_member_of_any_type_breaks_nothing(member: str, value: str) -> None:
    line = Lines()
    data = line.usage().rstrip()
    strange = data[:-1] + f',"{member}":{value}}}'.encode()
    report = report_on([strange, line.usage()])
    assert report.events + report.damaged == 2
    assert report.events >= 1
