from __future__ import annotations

import os
import subprocess
import sys

import pytest

from beacon_core import Host, __version__
from beacon_core.ci.resource_attributes import merge
from beacon_core.ci.run import run_attributes
from beacon_core.processors.fingerprint import FingerprintConfig, FingerprintProcessor, environment_attributes
from beacon_core.testing import ProcessorContract, make_batch

CI = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "1",
    "GITHUB_SHA": "a" * 40,
    "GITHUB_ACTOR": "octo",
    "RUNNER_NAME": "GitHub Actions 12",
}


class TestFingerprintProcessor(ProcessorContract):
    @pytest.fixture
    def processor(self) -> FingerprintProcessor:
        return FingerprintProcessor(FingerprintConfig())


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> FingerprintProcessor:
    for name, value in CI.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    started = FingerprintProcessor(FingerprintConfig())
    started.start(Host("fingerprint"))
    return started


def test_every_event_is_told_where_it_comes_from(processor: FingerprintProcessor) -> None:
    (event,) = processor.process(make_batch(1))
    assert event.resource["service.name"] == "test"
    assert event.resource["telemetry.distro.name"] == "beacon"
    assert event.resource["telemetry.distro.version"] == __version__
    assert event.resource["process.runtime.name"] == sys.implementation.name
    assert event.resource["beacon.run.provider"] == "github_actions"
    assert event.resource["cicd.pipeline.run.id"] == "1"
    assert {"os.type", "os.version", "host.arch", "beacon.fingerprint"} <= event.resource.keys()


def test_what_the_resource_says_itself_wins(processor: FingerprintProcessor) -> None:
    own = {"os.type": "windows", "cicd.pipeline.run.id": "own", "beacon.fingerprint": "own"}
    (event,) = processor.process(make_batch(1, resource=own))
    assert event.resource.items() >= own.items()
    assert "os.version" not in event.resource  # Beacon's own, which would not belong to that os.type
    assert "host.arch" in event.resource


def test_a_resource_of_another_ci_run_is_given_nothing_of_this_one(processor: FingerprintProcessor) -> None:
    (other,) = processor.process(make_batch(1, resource={"cicd.pipeline.run.id": "2", "vcs.ref.head.name": "main"}))
    assert {name for name in other.resource if name.startswith(("cicd.", "vcs.", "beacon.run."))} == {
        "cicd.pipeline.run.id",
        "vcs.ref.head.name",
    }
    (same,) = processor.process(make_batch(1, resource={"cicd.pipeline.run.id": "1"}))
    assert same.resource["beacon.run.provider"] == "github_actions"


def test_c15_what_an_agent_gives_back_without_decoding_it_is_what_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run = {"BITBUCKET_COMMIT": "a" * 40, "BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_PIPELINE_UUID": "{1-2}"}
    for name, value in {**run, "BITBUCKET_BRANCH": "fix/a=b, é", "BEACON_RUN_ID": "r1"}.items():
        monkeypatch.setenv(name, value)
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI"):
        monkeypatch.delenv(name, raising=False)
    processor = FingerprintProcessor(FingerprintConfig())
    processor.start(Host("fingerprint"))
    (alone,) = processor.process(make_batch(1))
    told = merge("", run_attributes(os.environ, run_id="r1")).text
    returned = dict(pair.split("=", 1) for pair in told.split(","))
    assert returned["vcs.ref.head.name"] == "fix/a%3Db%2C%20%C3%A9"
    (event,) = processor.process(make_batch(1, resource={**returned, "service.name": "test"}))
    assert event.resource == {**alone.resource, "service.name": "test"}
    (other,) = processor.process(make_batch(1, resource={"vcs.ref.head.name": "fix%2Fother"}))
    assert other.resource["vcs.ref.head.name"] == "fix%2Fother"


def test_a_resource_of_another_container_is_given_nothing_of_this_one(processor: FingerprintProcessor) -> None:
    (event,) = processor.process(make_batch(1, resource={"container.id": "other"}))
    assert "container.runtime.name" not in event.resource


def test_events_that_shared_a_resource_share_the_new_one(processor: FingerprintProcessor) -> None:
    one, two = {"service.name": "one"}, {"service.name": "two"}
    events = [*make_batch(2, id="a", resource=one), *make_batch(2, id="b", resource=two)]
    batch = make_batch(0).with_events([events[0], events[2], events[1], events[3]])
    result = processor.process(batch)
    first, second, third, fourth = (event.resource for event in result)
    assert first is third
    assert second is fourth
    assert first["service.name"] == "one"
    assert one == {"service.name": "one"}
    assert [event.id for event in result] == [event.id for event in batch]


def test_a_second_pass_adds_nothing(processor: FingerprintProcessor) -> None:
    once = processor.process(make_batch(2))
    assert processor.process(once) == once


def test_the_environment_is_looked_at_once(processor: FingerprintProcessor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_RUN_ID", "2")
    (event,) = processor.process(make_batch(1))
    assert event.resource["cicd.pipeline.run.id"] == "1"


def test_no_host_name_user_name_or_path_unless_enabled() -> None:
    node = os.uname().nodename if hasattr(os, "uname") else os.environ["COMPUTERNAME"]
    environ = CI | {"USER": "alice", "HOME": "/home/alice", "SHELL": "/opt/alice/bin/zsh", "RUNNER_NAME": f"{node}-1"}
    found = environment_attributes(FingerprintConfig(), environ)
    assert "alice" not in str(found)
    assert "octo" not in str(found)
    assert node not in str(found)
    assert "/" not in "".join(str(value) for value in found.values())
    assert found["beacon.shell.name"] == "zsh"
    enabled = environment_attributes(FingerprintConfig(host_name=True, user_name=True), environ)
    assert (enabled["user.name"], enabled["host.name"], enabled["beacon.run.actor"]) == ("alice", node, "octo")
    assert enabled["cicd.worker.name"] == f"{node}-1"
    assert enabled["beacon.fingerprint"] == found["beacon.fingerprint"]


@pytest.mark.parametrize(
    ("switch", "prefixes"),
    [
        ("os", ("os.", "host.")),
        ("runtime", ("process.",)),
        ("shell", ("beacon.shell.",)),
        ("ci", ("cicd.", "vcs.", "beacon.run.provider", "beacon.run.ephemeral")),
        ("run", ("beacon.run.id",)),
        ("agent", ("beacon.run.agent.",)),
        ("worker", ("cicd.worker.",)),
    ],
)
def test_each_part_can_be_switched_off(switch: str, prefixes: tuple[str, ...]) -> None:
    environ = CI | {"SHELL": "/bin/sh", "CLAUDECODE": "1"}
    found = environment_attributes(FingerprintConfig(), environ)
    left = environment_attributes(FingerprintConfig(**{switch: False}), environ)
    assert any(name.startswith(prefixes) for name in found)
    assert not any(name.startswith(prefixes) for name in left)


def test_the_hash_describes_the_environment_and_not_the_run() -> None:
    def fingerprint(environ: dict[str, str]) -> object:
        return environment_attributes(FingerprintConfig(), environ)["beacon.fingerprint"]

    first = fingerprint(CI)
    other_run = {"GITHUB_RUN_ID": "2", "GITHUB_SHA": "b" * 40, "GITHUB_ACTOR": "x", "RUNNER_NAME": "GitHub Actions 13"}
    assert fingerprint(CI | other_run) == first
    assert fingerprint({}) != first
    assert fingerprint({"GITLAB_CI": "true"}) != first
    assert fingerprint(CI | {"SHELL": "/bin/fish"}) != first
    assert isinstance(first, str)
    assert len(first) == 16
    assert int(first, 16) >= 0


def test_the_hash_is_the_same_in_another_process() -> None:
    code = (
        "from beacon_core.processors.fingerprint import *\n"
        "print(environment_attributes(FingerprintConfig(), {'CI': 'true'})['beacon.fingerprint'])"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env=os.environ | {"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {environment_attributes(FingerprintConfig(), {"CI": "true"})["beacon.fingerprint"].encode() + b"\n"}


def test_whether_a_run_is_ephemeral_is_a_boolean() -> None:
    assert environment_attributes(FingerprintConfig(), {"CI": "true"})["beacon.run.ephemeral"] is True


@pytest.mark.parametrize("shell", ["", "/", "/bin/", "a" * 300, "/bin/\n", "C:\\Windows\\system32\\cmd.exe"])
def test_a_strange_shell_is_no_error(shell: str) -> None:
    name = environment_attributes(FingerprintConfig(), {"SHELL": shell}).get("beacon.shell.name")
    assert name in {None, "cmd"}


def test_an_unstarted_processor_can_be_shut_down_twice() -> None:
    processor = FingerprintProcessor(FingerprintConfig())
    processor.shutdown(1)
    processor.shutdown(1)
    assert processor.process(make_batch(1)) == make_batch(1)
