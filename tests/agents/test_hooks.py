"""Claude Code itself, run by the receiver `exec`, with hooks that post to the receiver `hook`: each call once."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.agents.model_api import model_api
from tests.agents.test_real_agents import BEACON, COMMAND, SCHEMA, SECRET, environment, pytestmark

__all__ = ["pytestmark"]  # needs the agents, too

HOOKS = ("UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd")
PIPELINE = """
receivers:
  hook: {endpoint: "127.0.0.1:0"}
  exec: {command: [sh, -c, "until [ -e go ]; do sleep 0.1; done; exec claude -p 'Run it' --allowedTools Bash \\
    --output-format stream-json --verbose"], format: claude_stream_json}
processors: {fingerprint: {}, canonicalize: {}, sanitize: {}}
exporters:
  file: {path: out.jsonl}
service:
  queue: {path: queue.db}
  pipelines:
    default: {receivers: [hook, exec], processors: [fingerprint, canonicalize, sanitize], exporters: [file]}
"""


def wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() or text not in path.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, f"{text} never came"
        time.sleep(0.1)


def test_hooks_and_the_stream_of_one_session_give_each_call_once(tmp_path: Path) -> None:
    for name in ("home/.claude", "home/.codex", "temp"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    with model_api(COMMAND) as api:
        environ = environment(tmp_path, api)
        command = [str(BEACON), "run", "-p", "pipeline.yaml", "--ready-file", "ready.json"]
        with subprocess.Popen(command, cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL) as beacon:
            wait_for(tmp_path / "ready.json", "http")
            url = json.loads((tmp_path / "ready.json").read_text())["endpoints"]["hook"]["http"]
            post = [{"matcher": "*", "hooks": [{"type": "http", "url": f"{url}/hook"}]}]
            settings = {"hooks": dict.fromkeys(HOOKS, post)}
            (tmp_path / "home" / ".claude" / "settings.json").write_text(json.dumps(settings))
            (tmp_path / "go").touch()
            wait_for(tmp_path / "out.jsonl", "agent.process.completed")
            beacon.terminate()
            assert beacon.wait(60) == 0
    lines: list[dict[str, Any]] = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    agents = [line for line in lines if line["attributes"].get("beacon.agent.name") == "claude_code"]
    for line in agents:
        SCHEMA.validate(line)
    told = {line["attributes"]["beacon.source.event"] for line in agents}
    assert told >= {"hook.UserPromptSubmit", "hook.Stop", "hook.SessionEnd", "stdout.init", "stdout.result"}
    assert len({line["attributes"]["session.id"] for line in agents}) == 1
    calls = Counter(line["name"] for line in agents if "gen_ai.tool.call.id" in line["attributes"])
    assert calls["tool.invoked"] == calls["command.executed"] == 1
    assert all(SECRET not in path.read_text(errors="replace") for path in tmp_path.glob("*.jsonl"))
