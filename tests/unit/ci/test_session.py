"""The state of a session: written for its owner, read with distrust."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from beacon_core.ci.session import Session, StateError, read_session


def session(path: Path) -> Session:
    return Session(
        base_dir=str(path.parent),
        log_path=str(path.with_name("runtime.jsonl")),
        state_path=str(path),
        pid=4711,
        pid_start_time=1.5,
        executable="/usr/bin/python3",
        nonce="ab" * 16,
        endpoints={"http": "http://127.0.0.1:4318"},
        harnesses=["claude"],
        started_at="2026-11-20T12:00:00.000000Z",
    )


def test_c4_what_is_written_is_read_again_and_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    session(path).write()
    assert read_session(path) == session(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["session.json"]


def test_no_file_is_no_session(tmp_path: Path) -> None:
    assert read_session(tmp_path / "session.json") is None


def test_members_of_a_later_version_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    path.write_text(json.dumps(asdict(session(path)) | {"later": 1}))
    assert read_session(path) == session(path)


@pytest.mark.parametrize(
    "change",
    [
        {"pid": 0},
        {"pid": 1},
        {"pid": -1},
        {"pid": True},
        {"pid": "4711"},
        {"pid_start_time": None},
        {"endpoints": {"http": 1}},
        {"harnesses": "claude"},
        {"log_offset": -5},
        {"version": 2},
        {"state_path": None},
        {"stopped_at": 5},
    ],
    ids=str,
)
def test_c5_a_state_that_was_changed_is_refused_with_its_name(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "session.json"
    path.write_text(json.dumps(asdict(session(path)) | change))
    with pytest.raises(StateError, match=r"session\.json"):
        read_session(path)


@pytest.mark.parametrize("name", ["pid", "executable", "log_path"])
def test_c5_a_state_without_a_member_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "session.json"
    content = asdict(session(path))
    del content[name]
    path.write_text(json.dumps(content))
    with pytest.raises(StateError):
        read_session(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b"1", b"[" * 100_000], ids=lambda content: repr(content[:2])
)
def test_c5_what_is_no_state_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "session.json"
    path.write_bytes(content)
    with pytest.raises(StateError):
        read_session(path)
