"""Where a session's files are, whose they are, and which may go ([C3], [C9])."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from beacon_core.ci.artifacts import delete_artifacts
from beacon_core.ci.directories import Places, default_directory, locate, prepare
from beacon_core.ci.recognition import LOG_HEAD, PIPELINE_HEAD, is_ours
from beacon_core.errors import ConfigurationError
from beacon_core.files import write_private

OURS = {
    "pipeline.yaml": PIPELINE_HEAD + b"\nreceivers: {}\n",
    "collector.log": LOG_HEAD + b"\n",
    "receipt.json": b'{"balanced": true, "exporters": {}}',
    "ready.json": b'{"pid": 1, "endpoints": {}}',
    "session.json": b'{"version": 1, "nonce": "", "pid": 2}',
    "runtime.jsonl": b'{"id": "1", "signal": "log", "time_unix_nano": 1}\n',
}


def places(folder: Path, *, given: bool = True) -> Places:
    agents = folder.with_name(f"{folder.name}-agents")
    return Places(folder, folder / "runtime.jsonl", folder / "session.json", agents, given)


def test_c3_the_base_directory_is_the_given_one_that_of_the_log_or_the_default(tmp_path: Path) -> None:
    environ = {"RUNNER_TEMP": str(tmp_path / "runner")}
    assert locate(environ).base == tmp_path / "runner" / "beacon"
    assert locate(environ, log_path=tmp_path / "x" / "log.jsonl").base == tmp_path / "x"
    assert locate(environ, state_file=tmp_path / "y" / "s.json").base == tmp_path / "y"
    both = locate(environ, base_dir=tmp_path / "z", log_path=tmp_path / "x" / "log.jsonl")
    assert (both.base, both.log, both.state) == (tmp_path / "z", tmp_path / "x/log.jsonl", tmp_path / "z/session.json")
    assert not locate(environ).given
    assert default_directory({}).name == f"beacon-{os.getuid()}"


def test_c3_relative_paths_and_the_home_directory_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert locate({}, base_dir=Path("a/../b")).base == tmp_path / "b"
    assert locate({}, base_dir=Path("~/b")).base == tmp_path / "home" / "b"


def test_c3_a_default_directory_that_others_could_read_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "beacon"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    prepare(places(folder, given=False))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", [name for name in OURS if name != "runtime.jsonl"])
def test_c9_what_beacon_did_not_write_is_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(OURS[name])
    prepare(places(tmp_path))
    (tmp_path / name).write_bytes(b"mine\n")
    with pytest.raises(ConfigurationError, match=f"{name} is there already"):
        prepare(places(tmp_path))


def test_c9_a_link_under_the_name_of_a_file_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target.json"
    target.write_bytes(OURS["receipt.json"])
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "receipt.json").symlink_to(target)
    with pytest.raises(ConfigurationError):
        prepare(places(folder))
    delete_artifacts(places(folder), log_is_ours=True)
    assert target.exists()


def test_c9_everything_that_is_ours_goes_and_nothing_else(tmp_path: Path) -> None:
    for name, content in OURS.items():
        (tmp_path / name).write_bytes(content)
    connection = sqlite3.connect(tmp_path / "queue.db")
    connection.executescript(f"PRAGMA application_id = {0x4265636E}; CREATE TABLE t (x);")
    connection.close()
    for name in ("queue.db-wal", "queue.db.lock", "queue.db.notes", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert delete_artifacts(places(tmp_path), log_is_ours=True) == []
    assert {path.name for path in tmp_path.iterdir()} == {"queue.db.notes", "notes.txt"}


@pytest.mark.parametrize("name", OURS)
def test_c9_a_file_of_the_users_with_our_name_stays_and_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'{"mine": true}\n')
    [said] = delete_artifacts(places(tmp_path), log_is_ours=True)
    assert name in said
    assert (tmp_path / name).read_bytes() == b'{"mine": true}\n'


def test_c9_a_log_that_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "runtime.jsonl").write_bytes(OURS["runtime.jsonl"])
    delete_artifacts(places(tmp_path), log_is_ours=False)
    assert (tmp_path / "runtime.jsonl").exists()


def test_c9_only_beacons_own_directory_goes_and_only_when_it_is_empty(tmp_path: Path) -> None:
    for given in (True, False):
        folder = tmp_path / str(given)
        folder.mkdir()
        delete_artifacts(places(folder, given=given), log_is_ours=True)
        assert folder.exists() == given


def test_a_queue_of_somebody_else_is_not_ours(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "queue.db")
    connection.executescript("CREATE TABLE t (x);")
    connection.close()
    assert not is_ours(tmp_path / "queue.db")


def test_a_private_file_replaces_a_link_instead_of_writing_through_it(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "file").symlink_to(target)
    (tmp_path / f".file.{os.getpid()}").symlink_to(target)
    write_private(tmp_path / "file", b"new")
    assert target.read_text() == "precious"
    assert (tmp_path / "file").read_bytes() == b"new"
    assert not (tmp_path / "file").is_symlink()
