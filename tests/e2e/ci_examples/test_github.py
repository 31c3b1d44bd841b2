"""The action and its examples, run as a runner does ([C13], [C18])."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.ci_examples.conftest import PROMPT, ROOT, TOKEN, Machine
from tests.github_runner import Done, Runner

ACTION = ROOT / "action.yml"
SECRETS = {
    "secrets.ANTHROPIC_API_KEY": "sk-ant-of-the-agent",
    "secrets.SPLUNK_HEC_TOKEN": TOKEN,
    "secrets.DD_API_KEY": TOKEN,
    "inputs.prompt": PROMPT,
}


@pytest.fixture
def runner(machine: Machine, tmp_path: Path) -> Runner:
    """A runner with Beacon on its PATH."""
    action = tmp_path / "action.yml"
    text = ACTION.read_text()
    installs = 'once a job. `false`: take `beacon` from the PATH."\n    default: "true"'
    assert installs in text
    action.write_text(text.replace(installs, installs.replace('"true"', '"false"')))

    def nothing(_environ: Mapping[str, str], _given: Mapping[str, str]) -> Done:
        return Done("nothing", 0, "")

    def uploads(_environ: Mapping[str, str], given: Mapping[str, str]) -> Done:
        paths = [Path(line.strip()) for line in given["path"].splitlines()]
        return Done("upload", 0 if all(path.is_file() for path in paths) else 1, str(paths))

    def reviews(environ: Mapping[str, str], given: Mapping[str, str]) -> Done:
        assert given["prompt"]
        done = machine.run(["claude", "-p", PROMPT], {"ANTHROPIC_API_KEY": given["anthropic_api_key"], **environ})
        return Done("review", done.returncode, done.stdout + done.stderr)

    others = {
        "actions/checkout": nothing,
        "actions/upload-artifact": uploads,
        "anthropics/claude-code-action": reviews,
    }
    return Runner(action, machine.run, machine.temp, SECRETS, others)


def job_of(text: str) -> dict[str, Any]:
    (job,) = yaml.safe_load(text)["jobs"].values()
    return dict(job)


def test_c18_the_wrapped_example_delivers_and_keeps_the_token_from_the_agent(
    runner: Runner, machine: Machine, example: Callable[[str], str]
) -> None:
    done = runner.run(job_of(example("github-wrapped.yml")))
    assert [each.code for each in done] == [0, 0, 0, 0], "\n".join(map(str, done))
    machine.check(runs=1, variable="BEACON_CI_SPLUNK_HEC_TOKEN")
    assert machine.seen()[0]["environ"]["ANTHROPIC_API_KEY"] == "sk-ant-of-the-agent"
    assert "splunk" in runner.summary
    assert runner.exported == {}, "exec hands nothing on"


def test_c18_the_session_of_the_sidecar_example_outlives_its_step_and_takes_in_another_action(
    runner: Runner, machine: Machine, example: Callable[[str], str]
) -> None:
    done = runner.run(job_of(example("github-sidecar.yml")))
    assert [each.code for each in done] == [0, 0, 0, 0, 0], "\n".join(map(str, done))
    machine.check(runs=1, variable="BEACON_CI_DATADOG_API_KEY")
    environ = machine.seen()[0]["environ"]
    assert environ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] == f"{environ['OTEL_EXPORTER_OTLP_ENDPOINT']}/v1/logs"
    assert environ["OTEL_LOG_USER_PROMPTS"] == "0"
    assert environ["NO_PROXY"].isprintable()
    assert "PATH" not in runner.exported, "a value with the delimiter of a heredoc made no variable"
    assert runner.exported["CLAUDE_CODE_ENABLE_TELEMETRY"] == "0", "later steps send nothing"
    assert "datadog" in runner.summary
    machine.run(["claude", "-p", "later"], runner.exported)
    assert len(machine.seen()) == 2


def test_c18_stop_delivers_although_the_step_between_failed(
    runner: Runner, machine: Machine, example: Callable[[str], str]
) -> None:
    job = job_of(example("github-sidecar.yml"))
    job["steps"].insert(3, {"name": "fails", "run": "exit 3"})
    job["steps"].insert(4, {"name": "is skipped", "run": "touch pwned"})
    done = runner.run(job)
    assert [each.code for each in done] == [0, 0, 0, 3, 0, 0], "\n".join(map(str, done))
    machine.check(runs=1, variable="BEACON_CI_DATADOG_API_KEY")


def test_c18_stop_without_telemetry_fails_the_job_unless_told_otherwise(runner: Runner, machine: Machine) -> None:
    start, stop = ({"uses": "OWNER/beacon@v0", "with": {"mode": mode}} for mode in ("start", "stop"))
    done = runner.run({"steps": [start, stop, {**stop, "if": "always()"}]})
    assert [each.code for each in done] == [0, 1, 0], "\n".join(map(str, done))
    runner.done.clear()
    lenient = {"uses": "OWNER/beacon@v0", "with": {"mode": "stop", "require-telemetry": False, "keep-artifacts": False}}
    done = runner.run({"steps": [start, lenient]})
    assert [each.code for each in done] == [0, 0], "\n".join(map(str, done))
    assert not (machine.temp / "beacon").exists()


def test_c13_a_directory_with_a_line_break_and_a_delimiter_in_its_name_makes_no_variable(
    runner: Runner, machine: Machine
) -> None:
    runner.temp = Path(f"{machine.temp}/odd\nEOF\nPATH=/evil\nPATH<<EOF\n/evil\nEOF")
    runner.temp.mkdir(parents=True)
    given = {"harness": "codex", "require-telemetry": "false"}
    start, stop = ({"uses": "OWNER/beacon@v0", "with": {"mode": mode, **given}} for mode in ("start", "stop"))
    runner.run({"steps": [start]})
    assert runner.exported["CODEX_HOME"] == f"{runner.temp}/beacon-agents/codex"
    assert "PATH" not in runner.exported
    done = runner.run({"steps": [stop]})
    assert [each.code for each in done] == [0, 0], "\n".join(map(str, done))
    assert runner.exported["CODEX_HOME"] == ""


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("false | true\ntouch pwned", 1)])
def test_p9_the_action_ends_as_the_wrapped_command_does(
    runner: Runner, machine: Machine, command: str, code: int
) -> None:
    step = {"uses": "OWNER/beacon@v0", "with": {"mode": "exec", "command": command, "harness": "claude, codex"}}
    (done,) = runner.run({"steps": [step]})
    assert done.code == code, done.output
    assert not [*machine.folder.rglob("pwned")]


@pytest.mark.parametrize(
    "given", [{"mode": "$(touch pwned)"}, {"mode": "exec"}, {"mode": "start", "harness": "; touch pwned"}]
)
def test_c18_wrong_inputs_are_errors_and_no_code(runner: Runner, machine: Machine, given: dict[str, str]) -> None:
    (done,) = runner.run({"steps": [{"uses": "OWNER/beacon@v0", "with": given}]})
    assert done.code == 2, done.output
    assert not [*machine.folder.rglob("pwned")]


def test_c18_the_action_installs_beacon_and_its_plugins_from_its_own_source_once_a_job(
    runner: Runner, machine: Machine
) -> None:
    given = {"mode": "stop", "install": True, "require-telemetry": False}
    done = runner.run({"steps": [{"uses": "OWNER/beacon@v0", "with": given}] * 2})
    assert [each.code for each in done] == [0, 0], "\n".join(map(str, done))
    *_, source, file, splunk, datadog = machine.folder.joinpath("pip.txt").read_text().splitlines()
    assert [source, file, splunk, datadog] == [
        str(machine.folder),
        *(f"{machine.folder}/plugins/{name}" for name in ("file", "splunk", "datadog")),
    ]
    for name in ("file", "splunk", "datadog"):
        assert (ROOT / "plugins" / name / "pyproject.toml").is_file()
    assert machine.folder.joinpath("pip.txt").read_text().splitlines().count("install") == 1


def test_c18_no_expression_stands_in_a_script() -> None:
    action = yaml.safe_load(ACTION.read_text())
    steps = list(action["runs"]["steps"])
    for name in ("github-wrapped.yml", "github-sidecar.yml"):
        steps += job_of((ROOT / "docs" / "examples" / "ci" / name).read_text())["steps"]
    scripts = [each for step in steps for each in (step.get("run"), step.get("with", {}).get("command")) if each]
    assert len(scripts) == 4
    assert not [script for script in scripts if "${{" in script]
    used = {name for step in action["runs"]["steps"] for name in re.findall(r"inputs\.([\w-]+)", str(step))}
    assert used == set(action["inputs"])
