"""The folder for Codex: the user's configuration with Beacon's `[otel]`, the user's folder untouched."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beacon_core.ci.codex import delete_codex_home, made_files
from beacon_core.ci.environment import AgentEnvironment, agent_environment, neutralized

ENDPOINT = "http://127.0.0.1:43180"
USERS = """\
model = "gpt-5"
notify = ["python3", "/opt/notify.py"]
otel.environment = "prod"
otel.exporter = { otlp-http = { endpoint = "https://elsewhere.example/v1/logs", headers = { key = "s3cret" } } }
note = '''
[otel]
not a table'''

[profiles.ci]
approval_policy = "never"

[mcp_servers."odd \\"name\\""]
command = "npx"
since = 2026-01-02T03:04:05Z
"""
OTEL = {
    "environment": "ci",
    "log_user_prompt": True,
    "exporter": {"otlp-http": {"endpoint": f"{ENDPOINT}/v1/logs", "protocol": "binary"}},
    "metrics_exporter": {"otlp-http": {"endpoint": f"{ENDPOINT}/v1/metrics", "protocol": "binary"}},
    "trace_exporter": "none",
}


class Job:
    """A home directory with a `.codex` in it, and a session's folder."""

    def __init__(self, folder: Path) -> None:
        self.home, self.base_dir = folder / "home", folder / "beacon"
        self.users = self.home / ".codex"
        self.users.mkdir(parents=True)
        self.base_dir.mkdir(mode=0o700)
        self.environ = {"HOME": str(self.home)}

    def add(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.users / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def made(self, content: Any = "redacted", **more: Any) -> AgentEnvironment:
        options: dict[str, Any] = {"base": self.environ, "base_dir": self.base_dir, "run_attributes": {}} | more
        return agent_environment(["codex"], ENDPOINT, content=content, **options)

    @property
    def folder(self) -> Path:
        return self.base_dir / "codex"

    @property
    def config(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "config.toml").read_text())


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def test_c13_codex_without_a_configuration_gets_one_for_telemetry(job: Job) -> None:
    environment = job.made()
    assert environment.set["CODEX_HOME"] == str(job.folder)
    assert job.config == {"otel": OTEL}
    assert stat.S_IMODE(job.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((job.folder / "config.toml").stat().st_mode) == 0o600
    assert environment.warnings == ()


def test_c13_only_the_table_otel_of_the_users_configuration_is_replaced(job: Job) -> None:
    job.add("config.toml", USERS)
    job.made()
    assert job.config == tomllib.loads(USERS) | {"otel": OTEL}
    assert "s3cret" not in (job.folder / "config.toml").read_text()


KEYS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8).filter(lambda key: key != "otel")
VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.text(st.characters(blacklist_categories=("Cs",)), max_size=20),
        st.floats(allow_nan=False),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=st.dictionaries(KEYS, VALUES, max_size=4), otel=VALUES)
def test_c13_whatever_else_the_user_has_configured_is_what_codex_reads(
    job: Job, config: dict[str, Any], otel: Any
) -> None:
    job.add("config.toml", tomli_w.dumps({**config, "otel": otel}))
    assert job.made().warnings == ()
    assert job.config == {**config, "otel": OTEL}


def test_c13_the_table_follows_content_level_and_traces(job: Job) -> None:
    job.made("metadata", traces=True)
    traces = {"otlp-http": {"endpoint": f"{ENDPOINT}/v1/traces", "protocol": "binary"}}
    assert job.config["otel"] == OTEL | {"log_user_prompt": False, "trace_exporter": traces}


def test_c13_credentials_are_linked_and_leave_no_copy(job: Job) -> None:
    job.add("auth.json", '{"tokens": "s3cret"}', 0o600)
    job.made()
    link = job.folder / "auth.json"
    assert link.is_symlink()
    assert link.read_text() == '{"tokens": "s3cret"}'
    link.write_text('{"tokens": "renewed"}')  # as Codex does: it truncates and writes
    assert (job.users / "auth.json").read_text() == '{"tokens": "renewed"}', "one sign-in, not two"
    copies = [path for path in job.base_dir.rglob("*") if not path.is_symlink() and path.is_file()]
    assert not [path for path in copies if "renewed" in path.read_text()]


def test_c13_credentials_that_codex_wrote_itself_are_not_replaced(job: Job) -> None:
    job.made()
    (job.folder / "auth.json").write_text("signed in during the job")
    job.add("auth.json", "older")
    job.made()
    assert (job.folder / "auth.json").read_text() == "signed in during the job"


def test_c13_configuration_is_copied_state_is_left_and_nothing_is_written_to_the_users_folder(job: Job) -> None:
    job.add("config.toml", USERS)
    job.add("AGENTS.md", "Be kind.")
    job.add("prompts/review.md", "Review.")
    job.add("skills/lint/run.sh", "#!/bin/sh", 0o755)
    (job.users / "rules").symlink_to(job.home / "dotfiles")
    (job.home / "dotfiles").mkdir()
    for state in ("history.jsonl", "sessions/2026/a.jsonl", "log/x", "state_5.sqlite", "state_5.sqlite-wal"):
        job.add(state, "state")
    before = snapshot(job.users)
    assert job.made().warnings == ()
    assert snapshot(job.users) == before
    carried = {str(path.relative_to(job.folder)) for path in job.folder.rglob("*") if not path.is_dir()}
    assert carried == {"config.toml", "AGENTS.md", "prompts/review.md", "skills/lint/run.sh", ".beacon.json"}
    assert (job.folder / "rules").resolve() == job.home / "dotfiles"
    assert os.access(job.folder / "skills/lint/run.sh", os.X_OK)
    assert {stat.S_IMODE((job.folder / name).stat().st_mode) & 0o077 for name in carried} == {0}


def test_c13_a_codex_home_of_the_job_is_read_and_given_back(job: Job, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "config.toml").write_text('model = "mine"\n')
    job.environ["CODEX_HOME"] = str(own)
    first = job.made()
    assert job.config["model"] == "mine"
    job.environ |= first.exported
    assert job.made().set["CODEX_HOME"] == str(job.folder), "a second start in the same job"
    assert job.config["model"] == "mine"
    assert neutralized(first.exported, base_dir=job.base_dir)["CODEX_HOME"] == str(own)


def test_c13_where_the_job_has_no_codex_home_there_is_none_again_after_stop(job: Job, tmp_path: Path) -> None:
    job.add("config.toml", 'model = "home"\n')
    first = job.made()
    job.environ |= first.exported
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    job.made(base_dir=other)  # a second session in the same job
    assert tomllib.loads((other / "codex" / "config.toml").read_text())["model"] == "home"
    for base_dir in (job.base_dir, other):
        assert neutralized(first.exported, base_dir=base_dir)["CODEX_HOME"] == ""
    assert "CODEX_HOME" not in neutralized(first.exported, base_dir=tmp_path), "no folder, nothing to give back"


def test_p9_a_configuration_that_is_no_toml_leaves_codex_as_it_is_with_a_warning(job: Job) -> None:
    job.add("config.toml", 'key = "s3cret\n')
    environment = job.made()
    assert "CODEX_HOME" not in environment.set
    (warning,) = environment.warnings
    assert str(job.users / "config.toml") in warning
    assert "line 1" in warning
    assert "s3cret" not in warning


def test_p9_a_folder_that_cannot_be_written_leaves_codex_as_it_is_with_a_warning(job: Job) -> None:
    environment = job.made(base_dir=job.base_dir / "gone")
    assert "CODEX_HOME" not in environment.set
    assert "cannot be copied or written" in environment.warnings[0]


def test_a_start_that_failed_half_way_does_not_keep_the_next_one_from_it(job: Job) -> None:
    job.add("prompts", "")
    (job.folder / "prompts").mkdir(parents=True)  # in the way of a file, so that copying fails
    (job.folder / "prompts" / "x").touch()
    (job.folder / ".beacon.json").write_text('{"given": "", "made": []}')
    (job.folder / ".beacon.json").chmod(0o600)
    assert "cannot be copied" in job.made().warnings[0]
    (job.folder / "prompts" / "x").unlink()
    (job.folder / "prompts").rmdir()
    assert job.made().warnings == ()


def test_c9_a_file_that_is_gone_already_is_no_error(job: Job) -> None:
    job.add("prompts/a.md", "x")
    job.add("prompts/b.md", "x")
    job.made()
    (job.folder / "prompts" / "b.md").unlink()
    delete_codex_home(job.base_dir)
    assert not job.folder.exists()


@pytest.mark.parametrize("what", ["file", "folder", "link", "checkout"])
def test_c9_what_was_there_before_is_left_alone_and_so_is_codex(job: Job, tmp_path: Path, what: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if what == "file":
        job.folder.write_text("the user's")
    elif what == "link":
        job.folder.symlink_to(elsewhere)
    else:
        job.folder.mkdir()
        (job.folder / "config.toml").write_text("the user's")
        if what == "checkout":  # of somebody who knows what Beacon looks for
            (job.folder / ".beacon.json").write_text('{"given": "/evil", "made": ["config.toml"]}')
            (job.folder / ".beacon.json").chmod(0o644)
    before = snapshot(tmp_path)
    environment = job.made()
    assert "CODEX_HOME" not in environment.set
    assert "was not made by Beacon" in environment.warnings[0]
    delete_codex_home(job.base_dir)
    assert neutralized(["CODEX_HOME"], base_dir=job.base_dir) == {}
    assert snapshot(tmp_path) == before


def test_a_users_folder_that_is_too_large_is_copied_in_part_with_a_warning(job: Job) -> None:
    job.add("AGENTS.md", "Be kind.")
    job.add("zzz.bin", "")
    os.truncate(job.users / "zzz.bin", 64 << 20)
    environment = job.made()
    assert "too large" in environment.warnings[0]
    assert (job.folder / "AGENTS.md").exists()
    assert not (job.folder / "zzz.bin").exists()


def test_c9_the_files_that_beacon_made_are_known_by_name_and_an_edited_list_names_nothing_outside(job: Job) -> None:
    job.add("auth.json", "x")
    job.add("prompts/review.md", "x")
    job.made()
    (job.folder / "sessions").mkdir()
    names = {str(path.relative_to(job.folder)) for path in made_files(job.base_dir)}
    assert names == {"config.toml", "auth.json", "prompts/review.md", ".beacon.json"}
    mark = job.folder / ".beacon.json"
    mark.write_text(
        f'{{"given": "", "made": ["../../home/.codex/auth.json", "{job.users}/auth.json", "..", "auth.json"]}}'
    )
    assert {*made_files(job.base_dir)} == {job.folder / "auth.json", mark}
    mark.write_text("[]")
    assert made_files(job.base_dir) == ()


def test_c9_what_beacon_made_is_deleted_by_name_and_what_codex_wrote_stays(job: Job) -> None:
    job.add("auth.json", "x")
    job.add("prompts/review.md", "x")
    before = snapshot(job.users)
    job.made()
    (job.folder / "sessions").mkdir()
    (job.folder / "sessions" / "a.jsonl").write_text("Codex")
    delete_codex_home(job.base_dir)
    left = {str(path.relative_to(job.folder)) for path in job.folder.rglob("*")}
    assert left == {"sessions", "sessions/a.jsonl", ".beacon.json"}
    delete_codex_home(job.base_dir)
    assert job.made().warnings == (), "the folder is still Beacon's"
    (job.folder / "sessions" / "a.jsonl").unlink()
    (job.folder / "sessions").rmdir()
    delete_codex_home(job.base_dir)
    assert [*job.base_dir.iterdir()] == []
    assert snapshot(job.users) == before
