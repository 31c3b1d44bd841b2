"""`beacon canonicalize --explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from beacon_core.cli import main


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["canonicalize", "--explain", *arguments])


@pytest.mark.parametrize(
    ("name", "file", "says"),
    [
        ("tool_name", "packs/claude_code.yaml:", "attribute  tool_name -> gen_ai.tool.name"),
        ("claude_code.user_prompt", "packs/claude_code.yaml:", "event  user_prompt -> prompt.submitted"),
        ("prompt.submitted", "packs/codex_cli.yaml:", "event  user_prompt -> prompt.submitted"),
        ("accept", "packs/claude_code.yaml:", "value  beacon.approval.decision: accept -> allowed"),
        ("claude-code", "packs/agents.yaml:", "agent  *claude* -> claude_code"),
        ("process.command_line", "normalized.toml:", "name  process.command_line (string)"),
        ("plugin_loaded", "packs/claude_code.yaml:", "left out as noise"),
        ("tool_input", "packs/claude_code.yaml:", "file.path = "),
        ("sdk-ts", "packs/claude_code.yaml:15:", "app.entrypoint sdk-ts means the agent claude_agent_sdk"),
        ("org", "packs/commands.yaml:", "value  beacon.command.name: org -> organization"),
        ("env.claim", "packs/commands.yaml:", "value  beacon.command.name: claim -> env.claim"),
        ("event.action", "normalized.toml:", "attribute  event.action -> beacon.event.action"),
        ("plugin_ms", "normalized.toml:", "type  *_ms is of type int"),
        ("gen_ai.request.temperature", "normalized.toml:", "type  *.temperature is of type float"),
        ("gen_ai.request.seed", "normalized.toml:", "family  gen_ai.request.seed keeps its name"),
        ("codex.brand_new", "packs/codex_cli.yaml:13:", "event  log codex.brand_new: left out as noise"),
        ("claude_code.brand_new", "normalized.toml:", "event  log claude_code.brand_new -> session.activity"),
        ("gemini_cli.extension_install", "packs/gemini_cli.yaml:", "rule  log extension_* -> session.activity"),
        ("gen_ai.operation.name", "packs/genai.yaml:", "agent  an event with gen_ai.operation.name is normalized"),
        ("Bash", "packs/claude_code.yaml:", "-> command.executed"),
        ("mcp__git__log", "packs/claude_code.yaml:", "-> mcp.tool_invoked"),
        ("marketplace.name", "packs/claude_code.yaml:", "-> left out as noise"),
        ("managed_settings.sources", "packs/claude_code.yaml:", "-> left out as noise"),
        ("mcp_server", "packs/codex_cli.yaml:", "-> mcp.tool_invoked"),
        ("http.status_code", "packs/gemini_cli.yaml:", "http.status_code -> http.response.status_code"),
    ],
)
def test_it_says_which_table_maps_a_name_to_what(name: str, file: str, says: str) -> None:
    result = explain(name)
    assert result.exit_code == 0
    assert [line for line in result.output.splitlines() if line.startswith(file) and says in line]


def test_a_name_that_no_table_has_is_said_to_pass() -> None:
    result = explain("nonsense")
    assert result.exit_code == 0
    assert result.output.startswith("no table says anything about nonsense")
    assert json.loads(explain("nonsense", "--json").output) == []


def test_json_has_position_kind_and_agents() -> None:
    found = json.loads(explain("function_name", "--json").output)
    (finding,) = [each for each in found if each["kind"] == "attribute"]
    assert finding["position"].startswith("packs/gemini_cli.yaml:")
    assert finding["says"] == "function_name -> gen_ai.tool.name"
    assert finding["agents"] == ["gemini_cli"]
    assert finding["replaced_by"] == ""


def test_a_table_of_the_user_is_named_as_what_replaces_a_shipped_line(tmp_path: Path) -> None:
    table = tmp_path / "names.yaml"
    table.write_text("attributes:\n  acme.tool: [tool_name]\n")
    lines = explain("tool_name", "--table", str(table)).output.splitlines()
    assert f"{table}:2:15  attribute  tool_name -> acme.tool" in lines
    assert [line for line in lines if line.endswith(f"replaced by {table}:2:15")]


PIPELINE = """\
receivers: {stdin: {}}
processors:
  canonicalize: {packs: [agents], tables: [names.yaml], attributes: {acme.tool: [tool]}}
  sanitize: {}
exporters: {file: {path: out.jsonl}}
service:
  pipelines:
    default: {receivers: [stdin], processors: [canonicalize, sanitize], exporters: [file]}
"""


def test_the_options_of_a_pipeline_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pipeline.yaml").write_text(PIPELINE)
    Path("names.yaml").write_text("attributes:\n  acme.team: [team]\n")
    Path("more.yaml").write_text("attributes:\n  acme.squad: [squad]\n")
    pipeline = ("-p", "pipeline.yaml")
    assert explain("tool", *pipeline).output == "option attributes.acme.tool  attribute  tool -> acme.tool\n"
    assert explain("team", *pipeline).output == "names.yaml:2:15  attribute  team -> acme.team\n"
    assert explain("squad", *pipeline, "--table", "more.yaml").output.startswith("more.yaml:2:16  ")
    assert explain("tool_name", *pipeline).output.startswith("no table says anything")
    changed = explain("tool_name", *pipeline, "--set", "processors.canonicalize.packs=[claude_code]")
    assert changed.output.startswith("packs/claude_code.yaml:")


def test_a_pipeline_without_this_processor_is_a_configuration_error(tmp_path: Path) -> None:
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text("processors: {sanitize: {}}\n")
    result = explain("x", "-p", str(pipeline))
    assert (result.exit_code, result.output) == (78, "the pipeline has no processor of type canonicalize\n")
    assert explain("x", "--set", "a=b").exit_code == 2


def test_p10_an_ambiguous_table_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "names.yaml"
    table.write_text("attributes:\n  a: [x]\n  b: [x]\n")
    result = explain("x", "--table", str(table))
    assert result.exit_code == 78
    assert f"{table}:3:7" in result.output


def test_a_name_is_needed() -> None:
    assert CliRunner().invoke(main, ["canonicalize"]).exit_code == 2
