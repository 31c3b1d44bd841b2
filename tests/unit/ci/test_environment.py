"""The environment for the agents: what is set, kept, removed, said, and taken back ([C13], [C14])."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from beacon_core.ci.environment import AgentEnvironment, agent_environment, neutralized
from beacon_core.ci.harnesses import HARNESSES
from beacon_core.ci.variables import described_variables, variables
from beacon_core.errors import ConfigurationError

ENDPOINT = "http://127.0.0.1:43180"
ADDED = {"OTEL_RESOURCE_ATTRIBUTES": "beacon.run.id=r1", "NO_PROXY": "127.0.0.1,localhost"}
COMMON = ADDED | {
    "OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT,
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
}
CLAUDE = COMMON | {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_LOGS_EXPORT_INTERVAL": "1000",
    "OTEL_METRIC_EXPORT_INTERVAL": "5000",
    "OTEL_TRACES_EXPORT_INTERVAL": "1000",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
    "OTEL_LOG_USER_PROMPTS": "1",
    "OTEL_LOG_TOOL_DETAILS": "1",
    "OTEL_LOG_ASSISTANT_RESPONSES": "0",
    "OTEL_METRICS_INCLUDE_ENTRYPOINT": "true",
    "OTEL_METRICS_INCLUDE_RESOURCE_ATTRIBUTES": "false",
}
GEMINI = COMMON | {
    "GEMINI_TELEMETRY_ENABLED": "true",
    "GEMINI_TELEMETRY_TARGET": "local",
    "GEMINI_TELEMETRY_OTLP_ENDPOINT": ENDPOINT,
    "GEMINI_TELEMETRY_OTLP_PROTOCOL": "http",
    "GEMINI_TELEMETRY_TRACES_ENABLED": "false",
}
COPILOT = COMMON | {
    "COPILOT_OTEL_ENABLED": "true",
    "COPILOT_OTEL_EXPORTER_TYPE": "otlp-http",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
}
PER_SIGNAL = [
    f"OTEL_EXPORTER_OTLP_{signal}_{what}"
    for signal in ("METRICS", "LOGS", "TRACES")
    for what in ("ENDPOINT", "PROTOCOL", "HEADERS", "COMPRESSION", "CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")
]
DIVERTING = {
    *PER_SIGNAL,
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_CONFIG_FILE",
    "ENABLE_BETA_TRACING_DETAILED",
    "BETA_TRACING_ENDPOINT",
    "GEMINI_TELEMETRY_OUTFILE",
    "COPILOT_OTEL_FILE_EXPORTER_PATH",
}


@pytest.fixture
def made(tmp_path: Path) -> Any:
    def make(*harnesses: str, base: Mapping[str, str] = {}, content: Any = "redacted", **more: Any) -> AgentEnvironment:
        options: dict[str, Any] = {"run_attributes": {"beacon.run.id": "r1"}, "base_dir": tmp_path} | more
        job = {"HOME": str(tmp_path), **base}
        return agent_environment(harnesses or ("claude",), ENDPOINT, base=job, content=content, **options)

    return make


@pytest.mark.parametrize(("harness", "expected"), [("claude", CLAUDE), ("gemini", GEMINI), ("copilot", COPILOT)])
def test_c13_each_agent_gets_what_the_specification_says(made: Any, harness: str, expected: dict[str, str]) -> None:
    found = dict(made(harness).set)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", found.pop("TRACEPARENT"))
    assert found == expected


def test_c13_several_agents_get_what_each_of_them_gets(made: Any) -> None:
    together = made("claude", "gemini", "copilot").set
    assert {**CLAUDE, **GEMINI, **COPILOT}.items() <= together.items()


@pytest.mark.parametrize(
    ("level", "expected"), [("metadata", "0 0 0"), ("redacted", "1 1 0"), ("full", "1 1 1")], ids=lambda each: each[:8]
)
def test_s8_a_content_level_wins_over_what_the_job_set(made: Any, level: str, expected: str) -> None:
    names = ("OTEL_LOG_USER_PROMPTS", "OTEL_LOG_TOOL_DETAILS", "OTEL_LOG_ASSISTANT_RESPONSES")
    for given in ({}, dict.fromkeys(names, "1"), dict.fromkeys(names, "0")):
        environment = made(base=given, content=level).apply(given)
        assert " ".join(environment[name] for name in names) == expected


def test_s8_with_metadata_no_agent_is_asked_for_content_by_the_job_either(made: Any) -> None:
    job = {
        "OTEL_LOG_TOOL_CONTENT": "1",
        "OTEL_LOG_RAW_API_BODIES": "file:/tmp/bodies",
        "GEMINI_TELEMETRY_LOG_PROMPTS": "true",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
    }
    harnesses = ("claude", "gemini", "copilot")
    strict = made(*harnesses, base=job, content="metadata")
    assert not {"OTEL_LOG_TOOL_CONTENT", "OTEL_LOG_RAW_API_BODIES"} & strict.apply(job).keys()
    assert (strict.exported["OTEL_LOG_TOOL_CONTENT"], strict.exported["OTEL_LOG_RAW_API_BODIES"]) == ("", "")
    assert strict.set["GEMINI_TELEMETRY_LOG_PROMPTS"] == "false"
    assert strict.set["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] == "false"
    kept = made(*harnesses, base=job).apply(job)
    assert {name: kept[name] for name in job} == job


def test_c14_what_would_divert_telemetry_is_removed_whether_or_not_the_job_has_it(made: Any) -> None:
    for job in ({}, dict.fromkeys(DIVERTING, "https://elsewhere.example/secret-4711")):
        environment = made("claude", "gemini", "copilot", base=job)
        assert environment.unset >= DIVERTING
        assert "secret-4711" not in str(environment.apply(job))


def test_c14_a_file_overrides_what_it_cannot_remove_and_says_nothing_about_the_rest(made: Any) -> None:
    job = dict.fromkeys(["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"], "grpc://elsewhere")
    job |= {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=t0ken", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/etc/ca.pem"}
    environment = made(base=job)
    assert dict(environment.exported) == environment.set | {
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"{ENDPOINT}/v1/logs",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": "",
    }


def test_c14_intervals_that_the_job_set_are_kept(made: Any) -> None:
    names = ("OTEL_LOGS_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_TRACES_EXPORT_INTERVAL", "TRACEPARENT")
    job = dict.fromkeys(names, "77")
    environment = made(base=job)
    assert {name: environment.apply(job)[name] for name in names} == job
    assert not environment.exported.keys() & job.keys()
    assert made(base=dict.fromkeys(names, "")).set.keys() >= job.keys(), "an empty one is none"


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({}, {"NO_PROXY": "127.0.0.1,localhost"}),
        ({"NO_PROXY": "a.example, .b.example"}, {"NO_PROXY": "a.example,.b.example,127.0.0.1,localhost"}),
        ({"NO_PROXY": "localhost"}, {"NO_PROXY": "localhost,127.0.0.1"}),
        ({"NO_PROXY": "127.0.0.1,localhost"}, {"NO_PROXY": "127.0.0.1,localhost"}),
        ({"NO_PROXY": "*"}, {"NO_PROXY": "*"}),
        ({"NO_PROXY": "a\nPATH=/evil"}, {"NO_PROXY": "a,PATH=/evil,127.0.0.1,localhost"}),
        ({"no_proxy": "c"}, dict.fromkeys(["NO_PROXY", "no_proxy"], "c,127.0.0.1,localhost")),
        (
            {"NO_PROXY": "a", "no_proxy": "c"},
            {"NO_PROXY": "a,127.0.0.1,localhost", "no_proxy": "c,127.0.0.1,localhost"},
        ),
    ],
)
def test_c14_loopback_goes_past_every_proxy(made: Any, job: dict[str, str], expected: dict[str, str]) -> None:
    assert {name: value for name, value in made(base=job).set.items() if name.upper() == "NO_PROXY"} == expected


def test_traces_and_debug_are_asked_for_by_option_only(made: Any) -> None:
    usual, more = made("claude", "gemini"), made("claude", "gemini", traces=True, debug=True)
    changed = {
        name: value for name, value in more.set.items() if usual.set.get(name) != value and name != "TRACEPARENT"
    }
    assert changed == {
        "OTEL_TRACES_EXPORTER": "otlp",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "CLAUDE_CODE_OTEL_DIAG_STDERR": "1",
        "GEMINI_TELEMETRY_TRACES_ENABLED": "true",
    }


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"OTEL_METRICS_INCLUDE_SESSION_ID": "false"}, "OTEL_METRICS_INCLUDE_SESSION_ID"),
        ({"OTEL_SDK_DISABLED": "True"}, "OTEL_SDK_DISABLED"),
        ({"ENABLE_BETA_TRACING_DETAILED": "1"}, "ENABLE_BETA_TRACING_DETAILED"),
        ({"BETA_TRACING_ENDPOINT": "https://s3cret.example"}, "BETA_TRACING_ENDPOINT"),
        ({"OTEL_CONFIG_FILE": "otel.yaml"}, "OTEL_CONFIG_FILE"),
    ],
)
def test_what_the_job_should_know_is_said_without_its_values(made: Any, job: dict[str, str], said: str) -> None:
    (warning,) = made(base=job).warnings
    assert said in warning
    assert "s3cret" not in warning


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION"])
def test_c14_what_keeps_codex_from_sending_and_cannot_be_unset_by_a_file_is_said(made: Any, name: str) -> None:
    for value in ("gzip", "none"):
        (warning,) = made("claude", "codex", base={name: value}).warnings
        assert warning.startswith(f"{name} is set: Codex")
    assert made("claude", "gemini", base={name: "gzip"}).warnings == ()


def test_what_is_as_usual_is_not_worth_a_warning(made: Any) -> None:
    assert made(base={"OTEL_METRICS_INCLUDE_SESSION_ID": "true", "OTEL_SDK_DISABLED": "", "CI": "true"}).warnings == ()


def test_c13_stop_takes_back_what_start_exported_and_nothing_else(made: Any, tmp_path: Path) -> None:
    job = {"TRACEPARENT": "the job's", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://elsewhere"}
    exported = made("claude", base=job).exported
    assert neutralized(exported, base_dir=tmp_path) == {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "",
        "CLAUDE_CODE_ENABLE_TELEMETRY": "0",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_TRACES_EXPORTER": "none",
    }
    everything = made("claude", "gemini", "copilot").exported
    after = neutralized(everything, base_dir=tmp_path)
    assert {
        "GEMINI_TELEMETRY_ENABLED": "false",
        "COPILOT_OTEL_ENABLED": "false",
        "TRACEPARENT": "",
    }.items() <= after.items()
    assert not [value for value in after.values() if ENDPOINT in value]
    assert neutralized(["PATH", "GITHUB_TOKEN"], base_dir=tmp_path) == {}


def test_c13_a_second_start_in_the_same_job_changes_nothing_but_what_is_new(made: Any) -> None:
    first = made("claude", "gemini", base={"NO_PROXY": "a", "OTEL_RESOURCE_ATTRIBUTES": "team=x"})
    again = made("claude", "gemini", base=first.exported, run_attributes={"beacon.run.id": "r2"})
    expected = first.set | {"OTEL_RESOURCE_ATTRIBUTES": "team=x,beacon.run.id=r2"}
    kept = {"TRACEPARENT", *(name for name in expected if name.endswith(("_INTERVAL", "INCLUDE_ENTRYPOINT")))}
    assert {name: value for name, value in expected.items() if name not in again.set} == {
        name: expected[name] for name in kept | {"OTEL_METRICS_INCLUDE_RESOURCE_ATTRIBUTES"}
    }
    assert again.set.items() <= expected.items()


def test_p7_no_secret_of_the_job_is_in_what_is_exported_or_shown(made: Any) -> None:
    names = {each.name for each in variables()} - {"OTEL_RESOURCE_ATTRIBUTES", "NO_PROXY", "no_proxy", "CODEX_HOME"}
    job = dict.fromkeys(names, "s3cret") | {"BEACON_CI_SPLUNK_HEC_TOKEN": "s3cret", "ANTHROPIC_API_KEY": "s3cret"}
    for content in ("metadata", "redacted", "full"):
        environment = made(*HARNESSES, base=job, content=content, traces=True, debug=True)
        assert "s3cret" not in f"{environment!r}{environment.set}{environment.exported}{environment.warnings}"


def test_apply_leaves_everything_else_as_it_is(made: Any) -> None:
    job = {"PATH": "/bin", "OTEL_EXPORTER_OTLP_HEADERS": "x=y", "EMPTY": ""}
    applied = made(base=job).apply(job)
    assert (applied["PATH"], applied["EMPTY"]) == ("/bin", "")
    assert "OTEL_EXPORTER_OTLP_HEADERS" not in applied
    assert job["OTEL_EXPORTER_OTLP_HEADERS"] == "x=y", "a copy is changed"


def test_an_unknown_agent_is_an_error_that_names_the_known_ones(made: Any) -> None:
    with pytest.raises(ConfigurationError, match=r'"cluade".*claude, codex, gemini, copilot'):
        made("cluade")


@pytest.mark.parametrize(
    "endpoint",
    [
        *("", "127.0.0.1:4318", "ftp://127.0.0.1", "http://", "http://127.0.0.1:x", "http://127.0.0.1:0"),
        *(
            "http://user:s3cret@host",
            "http://host?x=1",
            "http://host/#x",
            "http://ho st",
            "http://h\nPATH=x",
            "http://hö",
        ),
    ],
)
def test_an_endpoint_that_is_none_is_an_error_that_does_not_repeat_it(endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("such as http://127.0.0.1:4318")) as caught:
        agent_environment(["claude"], endpoint, base={}, content="full", run_attributes={}, base_dir=tmp_path)
    assert "s3cret" not in str(caught.value)


def test_the_table_makes_sense() -> None:
    table = variables()
    assert len({each.name for each in table}) == len(table)
    for each in table:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", each.name)
        assert set(each.agents) <= set(HARNESSES)
        assert each.why.endswith("."), each.name
        assert bool(each.warn) == bool(each.warning)
        ways = [each.value or each.traces or each.debug, each.content, each.computed, each.clear]
        assert sum(map(bool, ways)) <= 1, f"{each.name}: one way to come by a value"
        assert not (each.instead or not each.exported) or each.clear
        assert not re.search(r"\{(?!endpoint\}|codex_home\})", f"{each.value}{each.instead}{each.stop}"), each.name
    assert {each.name for each in described_variables()} >= {"OTEL_EXPORTER_OTLP_{SIGNAL}_ENDPOINT"}
