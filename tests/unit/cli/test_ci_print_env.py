"""`beacon ci print-env` ([C13])."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from beacon_core.ci.session import Session
from beacon_core.cli import main

BEACON = Path(sys.executable).with_name("beacon")
KEPT = {name: None for name in os.environ if name not in {"PATH", "HOME", "LD_LIBRARY_PATH"}}


@pytest.fixture(autouse=True)
def _temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEPT:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path / "temp"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def printed(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, ["ci", "print-env", *arguments])
    assert done.exit_code == code, done.output
    return done


def described(*arguments: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(printed("--format", "json", *arguments).stdout)["set"]
    return found


def write_session(folder: Path, stopped_at: str | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Session(
        base_dir=str(folder),
        log_path=str(folder / "runtime.jsonl"),
        state_path=str(folder / "session.json"),
        pid=4242,
        pid_start_time=1.0,
        executable="/usr/bin/python3",
        nonce="n",
        endpoints={"http": "http://127.0.0.1:45678"},
        harnesses=["gemini"],
        content="metadata",
        started_at="2026-01-02T03:04:05.000006Z",
        run={"id": "run-of-the-session"},
        stopped_at=stopped_at,
    ).write()


def test_c13_without_a_session_it_is_the_environment_of_claude_for_the_usual_port(tmp_path: Path) -> None:
    lines = printed().stdout.splitlines()
    assert "export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318" in lines
    assert "export CLAUDE_CODE_ENABLE_TELEMETRY=1" in lines
    assert lines[0].startswith("unset ")
    assert not (tmp_path / "temp").exists(), "nothing is started or written"


def test_c13_what_is_not_said_is_that_of_the_session(tmp_path: Path) -> None:
    write_session(tmp_path / "temp" / "beacon")
    found = described()
    assert found["GEMINI_TELEMETRY_OTLP_ENDPOINT"] == "http://127.0.0.1:45678"
    assert found["GEMINI_TELEMETRY_LOG_PROMPTS"] == "false"
    assert "CLAUDE_CODE_ENABLE_TELEMETRY" not in found
    assert "beacon.run.id=run-of-the-session" in found["OTEL_RESOURCE_ATTRIBUTES"]
    said = described("--harness", "claude", "--content", "full", "--endpoint", "http://127.0.0.1:1")
    assert (said["OTEL_EXPORTER_OTLP_ENDPOINT"], said["OTEL_LOG_ASSISTANT_RESPONSES"]) == ("http://127.0.0.1:1", "1")
    write_session(tmp_path / "temp" / "beacon", "2026-01-02T03:05:06.000007Z")
    assert described()["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"


def test_c15_the_run_is_named_as_beacon_itself_would_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEACON_RUN_ID", "mine")
    assert "beacon.run.id=mine" in described()["OTEL_RESOURCE_ATTRIBUTES"]
    monkeypatch.delenv("BEACON_RUN_ID")
    first, second = (described()["OTEL_RESOURCE_ATTRIBUTES"] for _ in range(2))
    assert first != second


def test_c13_a_folder_for_codex_is_made_and_never_in_the_base_directory(tmp_path: Path) -> None:
    home = Path(described("--harness", "codex", "--base-dir", "session")["CODEX_HOME"])
    assert (home / "config.toml").is_file()
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700
    assert not home.is_relative_to(tmp_path / "session")
    assert described("--harness", "codex", "--base-dir", "session")["CODEX_HOME"] == str(home)
    assert described("--harness", "codex", "--base-dir", "other")["CODEX_HOME"] != str(home)


def test_c14_dotenv_has_what_the_job_set_overridden_and_warnings_go_to_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETA_TRACING_ENDPOINT", "https://elsewhere.example")
    done = printed("--format", "dotenv")
    assert "BETA_TRACING_ENDPOINT=\n" in done.stdout
    assert done.stderr.startswith("beacon: BETA_TRACING_ENDPOINT is set: ")
    assert "elsewhere" not in done.output
    assert all("=" in line for line in done.stdout.splitlines())


def test_wrong_options_are_errors_with_the_code_for_it() -> None:
    assert "claude" in printed("--harness", "cluade", code=2).output
    assert "such as http://127.0.0.1:4318" in printed("--endpoint", "localhost", code=78).output


def test_c13_bytes_that_are_no_text_reach_the_shell_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", os.fsdecode(b"caf\xe9.example"))
    script = 'eval "$("$1" ci print-env)"; printf %s "$NO_PROXY"'
    done = subprocess.run(["sh", "-c", script, "sh", str(BEACON)], capture_output=True, check=True, timeout=60)
    assert done.stdout == b"caf\xe9.example,127.0.0.1,localhost"


def test_printing_imports_nothing_that_a_pipeline_needs() -> None:
    program = (
        "import sys\nfrom beacon_core.cli import main\n"
        "try: main(['ci', 'print-env', '--harness', 'claude', '--harness', 'gemini'])\n"
        "except SystemExit as end: assert not end.code\n"
        "print('|'.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.splitlines()[-1].split("|"))
    assert "click" in loaded
    assert not loaded & {
        "pydantic",
        "yaml",
        "httpx",
        "opentelemetry",
        "psutil",
        "stevedore",
        "tomli_w",
        "sqlite3",
    }
