"""Cutting bytes into lines."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_core.lines.splitter import CutLine, LineSplitter


def split(chunks: list[bytes], limit: int = 1000) -> list[bytes]:
    splitter = LineSplitter(limit)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return lines + list(splitter.end())


def test_lines_are_cut_at_newlines_wherever_the_chunks_end() -> None:
    assert split([b"a\nb", b"c\n", b"\nd"]) == [b"a", b"bc", b"", b"d"]


def test_a_last_line_without_a_newline_is_a_line_and_a_last_newline_starts_none() -> None:
    assert split([b"a\nb"]) == [b"a", b"b"]
    assert split([b"a\nb\n"]) == [b"a", b"b"]
    assert split([]) == split([b""]) == []


def test_a4_a_line_over_the_limit_is_cut_and_marked_and_the_next_one_is_fine() -> None:
    assert split([b"12345\n123456\nok\n"], limit=5) == [b"12345", b"12345", b"ok"]
    assert split([b"123", b"45", b"6", b"789\nok", b"\n"], limit=5) == [b"12345", b"ok"]
    assert split([b"ok\n123456"], limit=5) == [b"ok", b"12345"]
    assert [type(line) for line in split([b"12345\n", b"1234", b"56\n123456\nok"], limit=5)] == [
        *(bytes, CutLine, CutLine, bytes)
    ]


@settings(deadline=None)
@given(st.binary(), st.lists(st.integers(0, 20)), st.integers(1, 12))
def test_any_bytes_in_any_chunks_give_the_same_lines(data: bytes, sizes: list[int], limit: int) -> None:
    chunks, rest = [], data.replace(b"\x00", b"\n")
    expected = rest.removesuffix(b"\n").split(b"\n") if rest else []
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    assert split([*chunks, rest], limit) == [line[:limit] for line in expected]


def test_an_endless_line_takes_no_more_memory_than_the_limit() -> None:
    splitter, chunk = LineSplitter(1024 * 1024), b"x" * 4096
    tracemalloc.start()
    for _ in range(20_000):
        assert list(splitter.feed(chunk)) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 1024 * 1024
    assert list(splitter.feed(b"\n{}\n")) == [b"x" * 1024 * 1024, b"{}"]
