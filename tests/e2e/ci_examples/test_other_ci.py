"""The scripts of the other examples, run with their CI's environment ([C13], [C18])."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from tests.e2e.ci_examples.conftest import PROMPT, TOKEN, Machine
from tests.e2e.ci_examples.scripts import Script, buildkite_scripts, gitlab_scripts, jenkins_scripts

SHELLS = {"bash": ["bash", "-e", "-o", "pipefail", "-c"], "sh": ["sh", "-xe", "-c"]}
SPLUNK, DATADOG = "BEACON_CI_SPLUNK_HEC_TOKEN", "BEACON_CI_DATADOG_API_KEY"


def run_all(machine: Machine, scripts: list[Script], environ: Mapping[str, str]) -> list[int]:
    """Run scripts like a CI: after one that failed only those that run always."""
    codes: list[int] = []
    for script in scripts:
        if any(codes) and not script.always:
            continue
        done = machine.run([*SHELLS[script.shell], script.text], {"CI": "true", "PROMPT": PROMPT, **environ})
        print(f"{script.name}: {done.returncode}\n{done.stdout}{done.stderr}")  # noqa: T201 - for who looks at a failure
        codes.append(done.returncode)
    return codes


@pytest.fixture
def gitlab(machine: Machine) -> dict[str, str]:
    project = {
        "CI_PROJECT_DIR": str(machine.workspace),
        "CI_PIPELINE_ID": "7",
        "CI_JOB_NAME": "a job",
        "CI_JOB_ID": "70",
    }
    return {"GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "fix/a=b, é", SPLUNK: TOKEN} | project


@pytest.mark.parametrize(("job", "runs"), [("wrapped", 1), ("sidecar", 2)])
def test_c18_the_jobs_of_the_gitlab_example_deliver(
    machine: Machine, example: Callable[[str], str], gitlab: dict[str, str], job: str, runs: int
) -> None:
    scripts = gitlab_scripts(example("gitlab-ci.yml"), job)
    assert run_all(machine, scripts, gitlab) == [0] * len(scripts)
    machine.check(runs=runs, variable=SPLUNK)
    delivered = "".join(machine.destination.bodies)
    assert '"cicd.pipeline.run.id":"7"' in delivered.replace(" ", "")
    assert "fix/a=b, é" in delivered
    for path in yaml.safe_load(example("gitlab-ci.yml"))[".agent"]["artifacts"]["paths"]:
        assert (machine.workspace / path).is_file()


def test_c18_after_script_of_the_gitlab_example_delivers_where_the_job_failed(
    machine: Machine, example: Callable[[str], str], gitlab: dict[str, str]
) -> None:
    main, after = gitlab_scripts(example("gitlab-ci.yml"), "sidecar")
    broken = main._replace(text=main.text.replace('claude -p "Say', 'exit 4; claude -p "Say'))
    assert run_all(machine, [broken, after], gitlab) == [4, 0]
    machine.check(runs=1, variable=SPLUNK)


def test_c18_the_stages_of_the_jenkins_example_deliver_also_where_a_step_fails_at_its_end(
    machine: Machine, example: Callable[[str], str], tmp_path: Path
) -> None:
    environ = {
        "JENKINS_URL": "http://jenkins.example",
        "BUILD_ID": "7",
        "BUILD_NUMBER": "7",
        "JOB_NAME": "agents/a job",
    }
    environ |= {"WORKSPACE": str(machine.workspace), "WORKSPACE_TMP": str(tmp_path / "workspace@tmp")}
    install, wrapped, start, agent, stop = jenkins_scripts(example("Jenkinsfile"))
    assert [each.always for each in (install, wrapped, start, agent, stop)] == [False] * 4 + [True]
    agent = agent._replace(text=agent.text + "exit 5\n")
    (machine.workspace / "agents").mkdir()
    codes = [
        *run_all(machine, [install], environ),
        *run_all(machine, [wrapped, start], environ | {SPLUNK: TOKEN}),  # withCredentials
        *run_all(machine, [agent, stop], environ),
    ]
    assert codes == [0, 0, 0, 5, 0]
    machine.check(runs=2, variable=SPLUNK)
    assert (machine.workspace / "wrapped.html").is_file()
    assert (machine.workspace / "sidecar.html").is_file()


def test_c18_the_steps_of_the_buildkite_example_deliver_also_where_a_command_fails_at_the_end(
    machine: Machine, example: Callable[[str], str]
) -> None:
    environ = {"BUILDKITE": "true", "BUILDKITE_BUILD_ID": "b-7", "BUILDKITE_BRANCH": "fix/a=b, é", DATADOG: TOKEN}
    wrapped, sidecar = buildkite_scripts(example("buildkite.yml"))
    sidecar = sidecar._replace(text=sidecar.text + "exit 6\n")
    (machine.workspace / "agents").mkdir()
    assert run_all(machine, [wrapped], environ) == [0]
    machine.workspace.joinpath("agents", "beacon", "bin", "pip").unlink()
    assert run_all(machine, [sidecar], environ) == [6]
    machine.check(runs=3, variable=DATADOG)
    assert (machine.workspace / "sidecar.html").is_file()
