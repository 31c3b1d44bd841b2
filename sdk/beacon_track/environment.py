"""What an event says about where the command ran: nothing that names a machine, a person or a place."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from beacon_track.otlp import Value

#: The CI systems that are told by a variable of their own; the pipeline's `fingerprint` knows the rest.
_PROVIDERS = (
    ("GITEA_ACTIONS", "gitea_actions"),
    ("GITHUB_ACTIONS", "github_actions"),
    ("GITLAB_CI", "gitlab_ci"),
    ("CIRCLECI", "circleci"),
    ("BUILDKITE", "buildkite"),
    ("JENKINS_URL", "jenkins"),
    ("TF_BUILD", "azure_pipelines"),
    ("TRAVIS", "travis_ci"),
    ("BITBUCKET_BUILD_NUMBER", "bitbucket_pipelines"),
    ("TEAMCITY_VERSION", "teamcity"),
    ("CODEBUILD_BUILD_ID", "aws_codebuild"),
)
#: The coding agents that run a command, told by a variable that they set for it.
_AGENTS = (
    ("CLAUDECODE", "claude_code"),
    ("CLAUDE_CODE", "claude_code"),
    ("CODEX_SANDBOX", "codex_cli"),
    ("CODEX_THREAD_ID", "codex_cli"),
    ("GEMINI_CLI", "gemini_cli"),
    ("COPILOT_AGENT", "copilot_cli"),
    ("COPILOT_CLI", "copilot_cli"),
    ("CURSOR_AGENT", "cursor"),
    ("OPENCODE", "opencode"),
    ("GOOSE_PROVIDER", "goose"),
    ("REPL_ID", "replit"),
)
_LONGEST_TIMEOUT = 60.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "x86", "i386": "x86", "armv7l": "arm32"}


def in_ci(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether this is a CI run: there is no next run here, and no person reads."""
    return bool(provider(environ))


def provider(environ: Mapping[str, str] = os.environ) -> str:
    """Return the CI system's name, `unknown` where only `CI` is set, nothing outside of CI. `CI=false` is no CI."""
    value = environ.get("CI", "").strip().lower()
    if value in ("false", "0"):
        return ""
    for variable, name in _PROVIDERS:
        if environ.get(variable):
            return name
    return "unknown" if value else ""


def timeout(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how many seconds a command may wait for its delivery, if `BEACON_TRACK_TIMEOUT` says so; 60 at most."""
    try:
        seconds = float(environ.get("BEACON_TRACK_TIMEOUT", ""))
    except ValueError:
        return None
    return min(seconds, _LONGEST_TIMEOUT) if seconds >= 0 else None


def resource(app: str, version: str, sdk_version: str, environ: Mapping[str, str] = os.environ) -> dict[str, Value]:
    """Return the attributes of the resource, by the names of OpenTelemetry and of the pipeline's `fingerprint`."""
    found: dict[str, Value] = {
        "service.name": app,
        "service.version": version,
        "telemetry.sdk.name": "beacon-track",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": sdk_version,
        "os.type": {"win32": "windows"}.get(sys.platform, sys.platform),
        "host.arch": architecture(environ),
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": ".".join(map(str, sys.version_info[:3])),
        "beacon.origin": "ci" if in_ci(environ) else "local",
        "beacon.run.provider": provider(environ),
        "beacon.run.agent.name": _agent(environ),
    }
    return {name: value for name, value in found.items() if value != ""}


def architecture(environ: Mapping[str, str] = os.environ) -> str:
    """Return the processor's architecture in OpenTelemetry's word."""
    machine = os.uname().machine if hasattr(os, "uname") else environ.get("PROCESSOR_ARCHITECTURE", "")
    return _ARCHITECTURES.get(machine.lower(), machine.lower())


def _agent(environ: Mapping[str, str]) -> str:
    generic = environ.get("AI_AGENT", "").replace("/", "@").partition("@")[0]
    if generic:
        return generic
    return next((name for variable, name in _AGENTS if environ.get(variable)), "")
