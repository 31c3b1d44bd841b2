"""Starts a session: a sidecar that accepts, the agents' environment, and the state that `stop` needs ([C2], [C7])."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from beacon_core.ci.directories import Places, prepare, prepare_agents
from beacon_core.ci.interrupts import Interrupts
from beacon_core.ci.pipelines import Choice
from beacon_core.ci.processes import Identity, Stranger, identify
from beacon_core.ci.session import Session, read_session
from beacon_core.ci.sidecar import Ready, Sidecar, launch
from beacon_core.errors import BeaconError

if TYPE_CHECKING:
    from beacon_core.ci.environment import AgentEnvironment
    from beacon_core.ci.variables import ContentLevel

DEFAULT_HARNESSES = ("claude",)  # whose environment is set where nobody asked for an agent


class SessionRunningError(BeaconError):
    """There is a session in this base directory already."""


class NotTheSidecarError(BeaconError):
    """The process that a state file names cannot be proved to be the session's."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What `start` and `exec` are asked for.

    Attributes:
        places: where the session's files are.
        choice: which pipeline.
        harnesses: the agents that are to report; empty if nobody said.
        content: how much they are asked for.
        http_port: 0 picks a free one.
        ready_timeout: seconds that the sidecar has to get ready.
        github_env: the file of GITHUB_ENV, to write the agents' environment to.
        env_file: a dotenv file, likewise.
        spool_dir: where to put what could not be delivered.
        traces: ask the agents for spans, too.
        debug: have agents report what they cannot send.
    """

    places: Places
    choice: Choice = field(default_factory=Choice)
    harnesses: Sequence[str] = ()
    content: ContentLevel = "redacted"
    http_port: int = 0
    ready_timeout: float = 10.0
    github_env: Path | None = None
    env_file: Path | None = None
    spool_dir: Path | None = None
    traces: bool = False
    debug: bool = False


@dataclass(frozen=True)
class Started:
    """A session that runs.

    Attributes:
        session: its state.
        sidecar: its process.
        environment: what the agents need.
        ready: what the sidecar said.
    """

    session: Session
    sidecar: Sidecar
    environment: AgentEnvironment
    ready: Ready


def start(request: Request, environ: Mapping[str, str], interrupts: Interrupts, *, held: bool) -> Started:
    """Start a session; if that ends with an error, nothing is left of it: no process, no port, no state file.

    Args:
        request: what is asked for.
        environ: the job's environment.
        interrupts: signals that came; they are looked at where everything can still be undone.
        held: the session ends with this process. Otherwise no signal interrupts this process any more.

    Raises:
        BeaconError: with what to do.
        InterruptedStartError: a signal came.
    """
    deadline = time.monotonic() + request.ready_timeout
    places = request.places
    request.choice.check(environ)
    _see_that_none_runs(places)
    prepare(places)
    log_offset = places.log.stat().st_size if places.log.exists() else 0
    run_id = os.urandom(16).hex()
    variables = request.choice.variables(environ, places, request.http_port) | {
        "BEACON_RUN_ID": run_id,
        "BEACON_CI_CONTENT": request.content,
    }
    interrupts.check()
    sidecar = launch(places, request.choice.pipeline_files(environ), environ, variables, held=held)
    exported: tuple[str, ...] = ()
    try:
        identity = identify(sidecar.process.pid)  # while it starts: importing psutil takes as long as a tenth of that
        run = _run_attributes(environ, run_id)
        ready = sidecar.wait_ready(deadline, interrupts)
        if identity is None or ready.pid != sidecar.process.pid:  # a virtual environment's python.exe has a child
            identity = identify(ready.pid) or Identity(0.0, "")
        environment = _environment(request, environ, ready, run)
        exported = _export(request, environment)
        session = _session(request, environ, ready, identity, run)
        session = replace(session, nonce=sidecar.nonce, log_offset=log_offset, exported_env=sorted(exported))
        session.write()
        (interrupts.check if held else interrupts.close)()
    except BaseException:
        _undo(request, sidecar, exported)
        raise
    if not held:
        sidecar.detach()
    return Started(session, sidecar, environment, ready)


def _undo(request: Request, sidecar: Sidecar, exported: Sequence[str]) -> None:
    sidecar.discard()
    request.places.ready.unlink(missing_ok=True)
    request.places.state.unlink(missing_ok=True)
    if exported:
        neutralize(exported, request.places.agents, github_env=request.github_env, env_file=request.env_file)


def _export(request: Request, environment: AgentEnvironment) -> tuple[str, ...]:
    if request.github_env is None and request.env_file is None:
        return ()
    from beacon_core.ci.exports import export_environment  # noqa: PLC0415 - only where there is a file

    return export_environment(environment.exported, github_env=request.github_env, env_file=request.env_file)


def neutralize(exported: Sequence[str], agents: Path, *, github_env: Path | None, env_file: Path | None) -> None:
    """Have agents of later steps send nothing to a port that is closed.

    Raises:
        BeaconError: a file cannot be written.
    """
    from beacon_core.ci.environment import neutralized  # noqa: PLC0415 - likewise
    from beacon_core.ci.exports import export_environment  # noqa: PLC0415

    export_environment(neutralized(exported, base_dir=agents), github_env=github_env, env_file=env_file)


def _see_that_none_runs(places: Places) -> None:
    session = read_session(places.state)
    if session is not None and sidecar_of(session).is_running():
        raise SessionRunningError(
            f"a session runs in {session.base_dir} already (process {session.pid}, since {session.started_at});"
            " end it with `beacon ci stop`, or give this one another --base-dir"
        )


def sidecar_of(session: Session) -> Stranger:
    """Return the sidecar of a session, which this process need not have started."""
    return Stranger(session.pid, Identity(session.pid_start_time, session.executable, session.boot_time))


def recognized(session: Session) -> Stranger:
    """Return the sidecar of a session, if its process is still the one that `start` has launched, or none at all.

    Raises:
        NotTheSidecarError: another process has the number now, or the state was changed; nothing is signalled.
    """
    found, sidecar = identify(session.pid), sidecar_of(session)
    if found is not None and not found.matches(sidecar.identity):
        raise NotTheSidecarError(
            f"process {session.pid} is not the sidecar that {session.state_path} tells of: it began at another time or"
            " is another program; nothing was signalled. If no session runs any more, delete the file"
        )
    return sidecar


def _run_attributes(environ: Mapping[str, str], run_id: str) -> dict[str, str]:
    from beacon_core.ci.run import run_attributes  # noqa: PLC0415 - slow; the sidecar starts meanwhile

    return run_attributes(environ, run_id=run_id, directory=Path.cwd())


def _environment(
    request: Request, environ: Mapping[str, str], ready: Ready, run: Mapping[str, str]
) -> AgentEnvironment:
    from beacon_core.ci.environment import agent_environment  # noqa: PLC0415 - likewise

    harnesses = request.harnesses or DEFAULT_HARNESSES
    if "codex" in harnesses:
        prepare_agents(request.places)
    return agent_environment(
        harnesses,
        ready.endpoints.get("http", ""),
        base=environ,
        content=request.content,
        run_attributes=run,
        base_dir=request.places.agents,
        traces=request.traces,
        debug=request.debug,
    )


def _session(
    request: Request, environ: Mapping[str, str], ready: Ready, identity: Identity, run: Mapping[str, str]
) -> Session:
    places = request.places
    return Session(
        base_dir=str(places.base),
        log_path=str(places.log),
        state_path=str(places.state),
        pid=ready.pid,
        pid_start_time=identity.start_time,
        boot_time=identity.boot_time,
        executable=identity.executable,
        endpoints=ready.endpoints,
        harnesses=list(request.harnesses),
        content=request.content,
        started_at=now(),
        run=_run(run),
        forward=request.choice.forward,
        forward_endpoint=request.choice.forward_endpoint(environ),
        spool_dir=str(request.spool_dir.absolute()) if request.spool_dir is not None else None,
    )


def _run(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the run with the short names of the state file first."""
    short = {"provider": "beacon.run.provider", "run_id": "cicd.pipeline.run.id", "id": "beacon.run.id"}
    named = {name: attributes[long] for name, long in short.items() if long in attributes}
    return named | {name: value for name, value in attributes.items() if name not in short.values()}


def now() -> str:
    """Return the time in RFC 3339, UTC, with microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
