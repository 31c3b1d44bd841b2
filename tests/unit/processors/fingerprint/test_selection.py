"""What is added and what is not: single fields, personal ones, the run's id, the agent, the hash."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from beacon_core.processors.fingerprint import FingerprintConfig, describe_environment, environment_attributes
from beacon_core.processors.fingerprint.config import FieldSelection
from beacon_core.processors.fingerprint.names import ATTRIBUTES, HASHED

CI = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "1",
    "GITHUB_SHA": "a" * 40,
    "GITHUB_ACTOR": "octo",
    "GITHUB_HEAD_REF": "x",
    "GITHUB_BASE_REF": "main",
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_REF": "refs/pull/42/merge",
    "RUNNER_NAME": "GitHub Actions 12",
    "RUNNER_ENVIRONMENT": "github-hosted",
    "SHELL": "/bin/sh",
    "USER": "alice",
}


def config(*, include: tuple[str, ...] = (), exclude: tuple[str, ...] = (), **options: bool) -> FingerprintConfig:
    return FingerprintConfig(fields=FieldSelection(include=list(include), exclude=list(exclude)), **options)


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_every_field_can_be_switched_off_and_on_alone(name: str) -> None:
    everything = environment_attributes(FingerprintConfig(host_name=True, user_name=True), CI)
    off = environment_attributes(config(exclude=(name,), host_name=True, user_name=True), CI)
    assert off.keys() == everything.keys() - {name}
    assert environment_attributes(config(exclude=("*",), include=(name,)), CI).keys() == everything.keys() & {name}


def test_patterns_switch_families() -> None:
    found = environment_attributes(config(exclude=("vcs.ref.*", "os.*")), CI)
    assert not [name for name in found if name.startswith(("vcs.ref.", "os."))]
    assert "vcs.change.id" in found
    only = environment_attributes(config(exclude=("*",), include=("vcs.change.*", "host.arch")), CI)
    assert only.keys() == {"vcs.change.id", "host.arch"}
    assert "cicd.pipeline.run.id" in environment_attributes(config(include=("cicd.*",), ci=False), CI)


def test_a_pattern_switches_nothing_personal_on() -> None:
    found = environment_attributes(config(include=("*",)), CI)
    assert not {"host.name", "user.name", "beacon.run.actor"} & found.keys()
    named = environment_attributes(config(include=("user.name", "beacon.run.actor")), CI)
    assert (named["user.name"], named["beacon.run.actor"]) == ("alice", "octo")
    assert "host.name" not in named


@pytest.mark.parametrize("pattern", ["vcs.ref.hed.name", "host", "service.*", ""])
def test_a_pattern_that_names_nothing_is_an_error(pattern: str) -> None:
    with pytest.raises(ValidationError, match="names no attribute of the fingerprint"):
        FieldSelection(exclude=[pattern])


def test_an_error_says_what_was_probably_meant() -> None:
    with pytest.raises(ValidationError, match=r'did you mean "vcs.ref.head.name"'):
        FieldSelection(include=["vcs.ref.hed.name"])


@pytest.mark.parametrize(
    "environ",
    [
        {"CI": "woodpecker", "CI_MACHINE": "worker-host-9"},
        {"DRONE": "true", "DRONE_STAGE_MACHINE": "worker-host-9"},
        {"GITHUB_ACTIONS": "true", "RUNNER_NAME": f"{platform.node()}-2"},
        {"GITHUB_ACTIONS": "true", "RUNNER_NAME": platform.node().upper()},
    ],
)
def test_a_worker_that_is_a_host_needs_host_name(environ: dict[str, str]) -> None:
    assert "cicd.worker.name" not in environment_attributes(FingerprintConfig(), environ)
    assert "cicd.worker.name" in environment_attributes(FingerprintConfig(host_name=True), environ)
    assert "cicd.worker.name" not in environment_attributes(FingerprintConfig(host_name=True, worker=False), environ)


def test_a_container_id_that_is_the_host_name_too_needs_host_name(tmp_path: Path) -> None:
    if not platform.node():
        pytest.skip("this host has no name")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.containerenv").write_text(f'id="{"a" * 64}"\n')
    found = describe_environment(FingerprintConfig(), {}, root=tmp_path)
    assert ("container.id" in found) == (platform.node().partition(".")[0].lower() not in "a" * 64)


def test_the_run_has_an_id_of_its_own_unless_it_is_given_one() -> None:
    first, second = (environment_attributes(FingerprintConfig(), {})["beacon.run.id"] for _ in range(2))
    assert isinstance(first, str)
    assert len(first) == 32
    assert first != second
    assert environment_attributes(FingerprintConfig(), {"BEACON_RUN_ID": "mine"})["beacon.run.id"] == "mine"
    assert environment_attributes(FingerprintConfig(), {"BEACON_RUN_ID": " \n"})["beacon.run.id"] != ""


@pytest.mark.parametrize(
    ("environ", "name", "version"),
    [
        ({}, None, None),
        ({"CLAUDECODE": "0"}, None, None),
        ({"CLAUDECODE": "1"}, "claude_code", None),
        ({"CLAUDE_CODE": "1"}, "claude_code", None),
        ({"CODEX_SANDBOX": "seatbelt"}, "codex_cli", None),
        ({"CODEX_THREAD_ID": "0199"}, "codex_cli", None),
        ({"GEMINI_CLI": "1"}, "gemini_cli", None),
        ({"COPILOT_CLI": "1"}, "copilot_cli", None),
        ({"CURSOR_AGENT": "1"}, "cursor", None),
        ({"OPENCODE": "1"}, "opencode", None),
        ({"GOOSE_PROVIDER": "x"}, "goose", None),
        ({"AI_AGENT": "devin@1"}, "devin", "1"),
        ({"AI_AGENT": "claude-code/2.1.328"}, "claude_code", "2.1.328"),
        ({"AI_AGENT": "claude@v2.1", "CLAUDECODE": "1"}, "claude_code", "2.1"),
        ({"AI_AGENT": "other@9", "CLAUDECODE": "1"}, "claude_code", None),
        ({"AI_AGENT": "x" * 3000}, None, None),
        ({"AI_AGENT": "$(id)\n"}, None, None),
        ({"AI_AGENT": "a b"}, None, None),
    ],
)
def test_the_agent_that_started_it_is_recognized(
    environ: dict[str, str], name: str | None, version: str | None
) -> None:
    found = environment_attributes(FingerprintConfig(), environ)
    assert (found.get("beacon.run.agent.name"), found.get("beacon.run.agent.version")) == (name, version)
    assert "beacon.agent.name" not in found  # that is the agent that an event is about


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("GITHUB_RUN_ID", "GITHUB_SHA", "GITHUB_ACTOR", "GITHUB_REF_NAME", "GITHUB_REPOSITORY", "RUNNER_NAME"),
                *("USER", "HOSTNAME", "BEACON_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "PWD", "HOME", "AI_AGENT"),
            ]
        ),
        st.text(max_size=20),
    )
)
def test_the_hash_is_the_same_whatever_is_about_a_run_or_a_person(other: dict[str, str]) -> None:
    options = FingerprintConfig(host_name=True, user_name=True)
    same = environment_attributes(FingerprintConfig(), CI)["beacon.fingerprint"]
    assert environment_attributes(options, CI | other)["beacon.fingerprint"] == same


@pytest.mark.parametrize(
    "other",
    [
        {"SHELL": "/bin/fish"},
        {"RUNNER_ENVIRONMENT": "self-hosted"},
        {"GITEA_ACTIONS": "true"},
        {"CI": "false"},
    ],
)
def test_another_environment_has_another_hash(other: dict[str, str]) -> None:
    first = environment_attributes(FingerprintConfig(), CI)["beacon.fingerprint"]
    assert environment_attributes(FingerprintConfig(), CI | other)["beacon.fingerprint"] != first


def test_the_hash_is_made_of_what_is_added_only() -> None:
    described = describe_environment(config(exclude=("os.*",)), CI)
    assert set(described["beacon.fingerprint"].origin.split(", ")) == set(HASHED) & described.keys()
    first = environment_attributes(FingerprintConfig(), CI)["beacon.fingerprint"]
    assert described["beacon.fingerprint"].value != first


def test_nothing_is_fatal_where_there_is_no_working_directory(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)
    folder.rmdir()
    try:
        from beacon_core.processors.fingerprint import facts, working_directory

        assert working_directory() is None
        assert facts({"CI": "1"})["cicd.provider"] == "unknown"
    finally:
        os.chdir(before)
