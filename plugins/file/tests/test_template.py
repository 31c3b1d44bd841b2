"""Paths with places: every event in its file, and none outside of the base directory, whatever it says of itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from beacon_core import ConfigurationError, Host, PartialExportError, decode_line
from beacon_core.testing import make_batch, make_event, make_samples
from beacon_file.config import FileConfig
from beacon_file.exporter import FileExporter
from beacon_file.rotation import rotated_path, rotated_paths
from beacon_file.template import MAX_VALUE, Template, safe

Start = Callable[..., FileExporter]

NOON = 1_795_176_000_000_000_000  # 2026-11-20T12:00:00Z
HOSTILE = [
    *("..", ".", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "C:\\x", "~", "~root", "", " ", "\x00", "a\nb"),
    *("a..b", "...", ".hidden", "trailing.", "NUL", "con.txt", "\u202egpj.exe", "\ud800", "x" * 10_000, "\u00e9" * 500),
    *("../" * 50, "%2e%2e%2f", "..%c0%af", "\uff0f..\uff0f", "out-2026-01-31T12-00-00Z-0000", "\u2028", "\x7f"),
]


def written(folder: Path) -> dict[str, list[str]]:
    """Return the ids of the events in every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): [decode_line(line).id for line in path.read_bytes().splitlines()]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def fill(pattern: str, **members: Any) -> str:
    return Template(pattern).fill(make_event(**{"time_unix_nano": NOON} | members))


# ---- where events go ----


def test_every_event_is_in_the_file_of_its_service_and_day(tmp_path: Path, start: Start) -> None:
    exporter = start(tmp_path / "{service.name}" / "{date}.jsonl")
    batch = make_batch(3, time_unix_nano=NOON)
    other = make_event(3, resource={"service.name": "other"}, time_unix_nano=NOON + 12 * 3600 * 10**9)
    exporter.export(batch.with_events([*batch, other]))
    assert written(tmp_path) == {
        "test/2026-11-20.jsonl": ["test-0", "test-1", "test-2"],
        "other/2026-11-21.jsonl": ["test-3"],
    }


def test_places_are_date_hour_and_signal_and_attributes_of_the_event_before_those_of_the_resource() -> None:
    pattern = "out/{signal}/{date}-{hour}/{team}-{service.name}/{n}-{ok}-{half}"
    attributes = {"team": "a", "service.name": "own", "n": 7, "ok": True, "half": 0.5}
    found = fill(pattern, attributes=attributes, resource={"team": "b", "service.name": "shared"})
    assert found == "log/2026-11-20-12/a-own/7-true-0.5"


@pytest.mark.parametrize("value", [None, "", "  ", ["a"], {"a": "b"}, b"raw"])
def test_what_an_event_does_not_have_or_is_no_text_is_unknown(value: Any) -> None:
    assert fill("{team}.jsonl", attributes={"team": value}) == "unknown.jsonl"
    assert fill("{team}.jsonl", attributes={}) == "unknown.jsonl"


def test_a_time_beyond_the_calendar_is_unknown() -> None:
    assert fill("{date}.jsonl", time_unix_nano=2**64 - 1) == "2554-07-21.jsonl"
    assert fill("{date}.jsonl", time_unix_nano=2**80) == "unknown.jsonl"


def test_without_places_the_path_is_what_it_was(tmp_path: Path, start: Start) -> None:
    assert Template("a/b.jsonl").is_constant
    start(tmp_path / "with space & * .jsonl").export(make_batch(1))
    assert written(tmp_path) == {"with space & * .jsonl": ["test-0"]}


def test_the_collectors_group_by_does_the_same(tmp_path: Path, start: Start) -> None:
    group_by = {"enabled": True, "resource_attribute": "service.name"}
    start(tmp_path / "*.jsonl", group_by=group_by).export(make_batch(1))
    assert written(tmp_path) == {"test.jsonl": ["test-0"]}


# ---- confined ----


@given(text=st.text(max_size=300))
@pytest.mark.parametrize("hostile", HOSTILE)
def test_p10_a_value_is_one_short_name_without_anything_that_leads_elsewhere(hostile: str, text: str) -> None:
    for value in (hostile, text, hostile + text):
        name = safe(value)
        assert 0 < len(name.encode()) <= MAX_VALUE + 1
        assert not set(name) & set('/\\:*?"<>|\x00~%$')
        assert name.isprintable()
        assert ".." not in name
        assert not name.startswith(".")
        assert not name.endswith((".", " "))


@given(first=st.text(max_size=80), second=st.text(max_size=80))
@example("..", "..")
@example("out-2026-01-31T12-", "00-00Z-0000")
def test_p10_no_values_lead_out_of_the_base_or_make_the_name_of_a_rotated_file(first: str, second: str) -> None:
    template = Template("/base/x/{a}/{a}{b}.{b}.jsonl")
    event = make_event(attributes={"a": first, "b": second}, resource={})
    path = template.base / template.fill(event)
    assert Path(os.path.normpath(path)) == path
    assert path.parent.parent == Path("/base/x")
    assert len(path.name.encode()) < 255


@pytest.mark.parametrize("value", HOSTILE)
def test_p10_hostile_values_stay_below_the_base(tmp_path: Path, start: Start, value: str) -> None:
    base = tmp_path / "base"
    start(base / "{name}" / "x{name}").export(make_batch(1, attributes={"name": "ok"}, resource={}))
    exporter = start(base / "{name}" / "x{name}")
    event = make_event(resource={"name": value}, body=None)
    if value == "\ud800":  # no line can have it either
        event = make_event(attributes={"name": 1})
    exporter.export(make_batch(1).with_events([event]))
    assert len(written(base)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_p10_a_value_cannot_pass_for_a_rotated_file_of_another_service(tmp_path: Path, start: Start) -> None:
    victim = tmp_path / "victim.jsonl"
    name = rotated_path(victim, NOON).stem
    start(tmp_path / "{service.name}.jsonl").export(make_batch(1, resource={"service.name": name}))
    assert rotated_paths(victim) == []


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="links are POSIX")
def test_p10_a_link_that_leads_out_of_the_base_is_not_followed(tmp_path: Path, start: Start) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "base" / "link").symlink_to(tmp_path / "elsewhere")
    exporter = start(tmp_path / "base" / "{service.name}" / "x.jsonl")
    with pytest.raises(ConfigurationError, match="leads out of"):
        exporter.export(make_batch(1, resource={"service.name": "link"}))
    assert list((tmp_path / "elsewhere").iterdir()) == []


# ---- what goes wrong in one file ----


def test_p6_a_file_that_cannot_be_written_keeps_back_its_own_events_only(tmp_path: Path, start: Start) -> None:
    (tmp_path / "bad").touch()
    exporter = start(tmp_path / "{team}" / "x.jsonl")
    events = [make_event(n, attributes={"team": "bad" if n == 1 else "good"}) for n in range(3)]
    with pytest.raises(PartialExportError) as failure:
        exporter.export(make_batch(3).with_events(events))
    assert failure.value.failed.keys() == {"test-1"}
    assert isinstance(failure.value.failed["test-1"], ConfigurationError)
    assert written(tmp_path)["good/x.jsonl"] == ["test-0", "test-2"]


# ---- open files ----


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="a Linux file system")
def test_no_more_files_are_open_than_allowed_however_many_names_there_are(tmp_path: Path, start: Start) -> None:
    exporter = start(tmp_path / "{n}.jsonl", group_by={"max_open_files": 3}, fsync=False)
    for _ in range(2):
        exporter.export(make_batch(50).with_events([make_event(n, attributes={"n": n}) for n in range(50)]))
    links = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert sum(link.startswith(str(tmp_path)) for link in links) == 3
    assert written(tmp_path) == {f"{n}.jsonl": [f"test-{n}"] * 2 for n in range(50)}


# ---- configuration ----


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("out/{service.name.jsonl", "a brace in a path"),
        ("out/service}.jsonl", "a brace in a path"),
        ("out/{{x}}.jsonl", "a brace in a path"),
        ("out/{}.jsonl", "has the name of an attribute"),
        ("out/{a}/../../x.jsonl", "no '..' behind"),
        ("out/{a}{b}{c}{d}.jsonl", "too long"),
    ],
)
def test_p10_a_path_that_makes_no_sense_is_refused(path: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FileConfig(path=path)


@pytest.mark.parametrize("path", ["out.jsonl", "*/*.jsonl"])
def test_p10_group_by_takes_one_star(path: str) -> None:
    with pytest.raises(ValidationError, match=r"one \* in it"):
        FileConfig.model_validate({"path": path, "group_by": {"enabled": True}})


def test_a_path_that_begins_with_a_place_is_below_the_working_directory(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exporter = start("{signal}.jsonl")
    monkeypatch.chdir("/")
    exporter.export(make_samples(count=1))
    assert written(tmp_path) == {"log.jsonl": ["sample-0"], "metric.jsonl": ["sample-1"], "span.jsonl": ["sample-2"]}


def test_a_probe_sees_whether_the_folder_of_the_files_can_be_written(tmp_path: Path) -> None:
    path = f"{tmp_path}/a/{{service.name}}.jsonl"
    exporter = FileExporter(FileConfig(path=path))
    exporter.start(Host("file"))
    assert exporter.probe() == f"{tmp_path}/a can be written"
    assert not (tmp_path / "a").exists(), "it only looks"
    (tmp_path / "a").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written to"):
        exporter.probe()
    exporter.shutdown(1)
