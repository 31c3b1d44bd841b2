"""Real agents in `beacon ci`: Claude Code, Codex and Gemini CLI as npm has them, with a stand-in for their models.

`make agents` installs them and runs this; elsewhere it is skipped.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from tests.agents.model_api import ANSWERS, CLAUDE, CODEX, GEMINI, Usage, model_api
from tests.github_runner import read_github_env

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(os.environ.get("AGENTS", "nowhere")).absolute() / "node_modules" / ".bin"
BEACON = Path(sys.executable).with_name("beacon")
SCHEMA = Draft202012Validator(json.loads((ROOT / "docs" / "reference" / "event-schema.json").read_bytes()))
SECRET = "sk_live_FAKE00000000000000000001"
COMMAND = f"echo token={SECRET}"
CODEX_CONFIG = """
model = "standin"
model_provider = "standin"
[model_providers.standin]
name = "standin"
base_url = "{api}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
"""
GEMINI_SETTINGS = '{"security": {"auth": {"selectedType": "gemini-api-key"}}}'

pytestmark = pytest.mark.skipif(
    not PROGRAMS.is_dir(), reason="make agents installs the agents, which are large, and runs this"
)


class Agent(NamedTuple):
    """How an agent is called.

    Attributes:
        harness: Beacon's name for it.
        name: `beacon.agent.name` of its events.
        command: its arguments.
        usage: what the stand-in says that each answer took.
        fails_silently: it sends nothing where its model fails.
    """

    harness: str
    name: str
    command: Sequence[str]
    usage: Usage
    fails_silently: bool = False


CLAUDE_CODE = Agent("claude", "claude_code", ("claude", "-p", "Run it", "--allowedTools", "Bash"), CLAUDE)
CODEX_CLI = Agent(
    "codex",
    "codex_cli",
    ("codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "Run it"),
    CODEX,
    fails_silently=True,
)
GEMINI_CLI = Agent("gemini", "gemini_cli", ("gemini", "-m", "gemini-2.5-pro", "-p", "Run it", "--yolo"), GEMINI)
#: What a job may have set for a backend of its own, which is not there.
ELSEWHERE = {
    **{f"OTEL_EXPORTER_OTLP_{each}_ENDPOINT": "http://127.0.0.1:1/own" for each in ("LOGS", "METRICS", "TRACES")},
    **{f"OTEL_EXPORTER_OTLP_{each}_PROTOCOL": "grpc" for each in ("LOGS", "METRICS", "TRACES")},
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1/own",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer of-the-job",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "x-api-key=of-the-job",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    "OTEL_RESOURCE_ATTRIBUTES": "team=a=b%2C%20é",
    "GEMINI_TELEMETRY_OUTFILE": "telemetry.log",
    "BETA_TRACING_ENDPOINT": "http://127.0.0.1:1/own",
    "GITHUB_ACTIONS": "true",
    "GITHUB_REF_NAME": "fix/a=b, é",
    "GITHUB_REF_TYPE": "branch",
}
each_agent = pytest.mark.parametrize("agent", [CLAUDE_CODE, CODEX_CLI, GEMINI_CLI], ids=lambda agent: agent.harness)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Return a folder like a CI job's: a home with the agents' settings, a checkout."""
    for name in ("home/.codex", "home/.gemini", "checkout", "temp"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "home" / ".gemini" / "settings.json").write_text(GEMINI_SETTINGS)
    return tmp_path


def environment(job: Path, api: str) -> dict[str, str]:
    (job / "home" / ".codex" / "config.toml").write_text(CODEX_CONFIG.format(api=api))
    return {
        "PATH": os.pathsep.join([str(PROGRAMS), str(BEACON.parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(job / "home"),
        "RUNNER_TEMP": str(job / "temp"),
        "IS_SANDBOX": "1",  # Claude Code as root
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
        "ANTHROPIC_API_KEY": "not-a-key",
        "ANTHROPIC_BASE_URL": api,
        "OPENAI_API_KEY": "not-a-key",
        "GEMINI_API_KEY": "not-a-key",
        "GOOGLE_GEMINI_BASE_URL": api,
    }


def run(job: Path, environ: Mapping[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=job / "checkout",
        env={**environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def events(job: Path) -> list[dict[str, Any]]:
    log = job / "temp" / "beacon" / "runtime.jsonl"
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def check_session(job: Path, agent: Agent) -> None:
    """Check that a session is in the log as it was: valid, counted once, without the secret."""
    logged = events(job)
    assert [error.message for event in logged for error in SCHEMA.iter_errors(event)] == []
    assert {event["attributes"]["beacon.agent.name"] for event in logged} == {agent.name}
    names = [event["name"] for event in logged if event["signal"] == "log"]
    assert names.count("prompt.submitted") == 1
    commands = [event["attributes"] for event in logged if event["name"] == "command.executed"]
    lines = {attributes["process.command_line"] for attributes in commands}
    assert len(commands) == 1
    assert lines <= {"echo token=[REDACTED:stripe-key]", "echo token=[REDACTED_SECRET]"}  # Codex masks it on stdout
    counted = [event["attributes"] for event in logged if event["attributes"].get("beacon.usage.counted")]
    assert total(counted, "beacon.usage.uncached_input_tokens") == ANSWERS * agent.usage.uncached
    assert total(counted, "gen_ai.usage.cache_read.input_tokens") == ANSWERS * agent.usage.cache_read
    assert total(counted, "gen_ai.usage.output_tokens") == ANSWERS * (agent.usage.output + agent.usage.reasoning)
    for path in (job / "temp" / "beacon").rglob("*"):  # what people save as an artifact
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@each_agent
def test_a_stream_beside_telemetry_tells_nothing_twice(job: Path, agent: Agent) -> None:
    with model_api(COMMAND) as api:
        arguments = ("ci", "exec", "--stream-json", "--harness", agent.harness, "--")
        done = run(job, environment(job, api), "beacon", *arguments, *agent.command)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stdout
    check_session(job, agent)
    completed = [event["attributes"] for event in events(job) if event["name"] == "session.completed"]
    assert [attributes["beacon.outcome"] for attributes in completed] == ["success"]


def total(attributes: Sequence[Mapping[str, Any]], name: str) -> int:
    return sum(each.get(name, 0) for each in attributes)


@each_agent
def test_exec_records_what_an_agent_did(job: Path, agent: Agent) -> None:
    with model_api(COMMAND) as api:
        environ = environment(job, api)
        done = run(job, environ, "beacon", "ci", "exec", "--harness", agent.harness, "--", *agent.command)
    assert done.returncode == 0, done.stderr
    assert "one." in done.stdout  # the agent's own last words
    check_session(job, agent)


@each_agent
def test_p9_a_model_that_fails_leaves_the_exit_code_as_it_is(job: Path, agent: Agent) -> None:
    with model_api(COMMAND, status=401) as api:
        environ = environment(job, api)
        alone = run(job, environ, *agent.command)
        done = run(job, environ, "beacon", "ci", "exec", "--harness", agent.harness, "--", *agent.command)
    assert alone.returncode != 0
    assert done.returncode == alone.returncode, done.stderr
    errors = [event for event in events(job) if event["name"] == "session.error"]
    assert agent.fails_silently or errors


@each_agent
def test_start_and_stop_record_what_an_agent_did_between_them(job: Path, agent: Agent) -> None:
    with model_api(COMMAND) as api:
        environ = environment(job, api)
        script = f"""
        set -e
        variables=$(beacon ci start --harness {agent.harness} --print-env sh)
        eval "$variables"
        {shlex.join(agent.command)}
        beacon ci stop
        """
        done = run(job, environ, "bash", "-c", script)
    assert done.returncode == 0, done.stderr
    check_session(job, agent)


@each_agent
def test_c14_whatever_a_job_has_set_for_a_backend_of_its_own_an_agent_reports_to_the_session(
    job: Path, agent: Agent
) -> None:
    exported = job / "github_env"
    exported.touch()
    with model_api(COMMAND) as api:
        environ = environment(job, api) | ELSEWHERE | {"GITHUB_ENV": str(exported)}
        if agent.harness == "codex":  # sends nothing while it is set, and no file can unset it: Beacon warns
            del environ["OTEL_EXPORTER_OTLP_COMPRESSION"]
        started = run(job, environ, "beacon", "ci", "start", "--harness", agent.harness)
        assert started.returncode == 0, started.stderr
        later = environ | read_github_env(exported.read_text())
        done = run(job, later, *agent.command)
        stopped = run(job, later, "beacon", "ci", "stop")
    assert done.returncode == 0, done.stderr
    assert stopped.returncode == 0, stopped.stderr
    check_session(job, agent)
    resources = [event["resource"] for event in events(job)]
    assert {resource["vcs.ref.head.name"] for resource in resources} == {"fix/a=b, é"}
    team = "a%3Db%2C%20%C3%A9" if agent.harness == "codex" else "a=b, é"  # Codex does not decode
    assert {resource["team"] for resource in resources} == {team}


@each_agent
def test_s8_at_the_level_metadata_no_text_of_a_session_is_recorded(job: Path, agent: Agent) -> None:
    with model_api(COMMAND) as api:
        arguments = ("ci", "exec", "--content", "metadata", "--harness", agent.harness, "--")
        done = run(job, environment(job, api), "beacon", *arguments, *agent.command)
    assert done.returncode == 0, done.stderr
    text = json.dumps(events(job))
    assert "Run it" not in text
    assert "token=" not in text
    assert "process.command_line" not in text
    assert any(event["attributes"].get("beacon.usage.counted") for event in events(job))


def test_what_was_installed_is_said() -> None:
    """Versions stand in the log of the tests: agents change from week to week."""
    for program in ("claude", "codex", "gemini"):
        path = shutil.which(program, path=str(PROGRAMS))
        assert path is not None
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, timeout=60)
        sys.stdout.write(f"{program}: {done.stdout.strip()}\n")
