"""`Telemetry`: what an application makes once and calls."""

from __future__ import annotations

import sys
import threading

from beacon_track import arguments, consent
from beacon_track.quiet import quietly
from beacon_track.settings import Settings
from beacon_track.tracked import Tracked

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    import asyncio
    import os
    from collections.abc import Collection, Mapping, Sequence
    from typing import Callable, ClassVar, TypeVar

    from beacon_track.consent import Decision, Default
    from beacon_track.outcomes import Outcome
    from beacon_track.recorder import Recorder

    Cli = TypeVar("Cli")


class Telemetry:
    """The telemetry of one application. Making it touches nothing; every method can be called from any thread.

    Nothing is collected, written or sent unless the user's environment, choice and the application's default, in this
    order, allow it [T10]. No method changes what the application prints, returns, raises or exits with.

    Args:
        app: name of the application, such as `acme`; names its directories and its kill switch, too.
        version: of the application.
        endpoint: URL of an OTLP/HTTP server that takes its events; `/v1/logs` is added.
        pipeline: a pipeline file of Beacon that the application ships; needs `beacon-core` beside the application. The
            file gets the directory of the events as `${env:BEACON_TRACK_SPOOL}`, and runs in it. Without endpoint and
            pipeline, events go to a sidecar, or wait for one.
        token: sent to the endpoint as `Authorization: Bearer`; a pipeline has it as `${env:BEACON_TRACK_TOKEN}`.
            Everybody who has the application can read it.
        consent: what counts where the user has not chosen: `opt-out` or `opt-in`.
        commands: names of all commands, such as `env.claim`, where neither click, typer nor argparse knows them;
            another name is recorded as `unknown` then.
        outcomes: what exceptions of the application mean, such as `{NotLoggedIn: "auth_required"}`.
        flush_command: how to run the application's own hidden command that calls `flush(directory)`, for a frozen
            application; the directory is added to it. Else `python -m beacon_track flush` does it.
        notice: what a person is told once, in place of the usual text; empty: nothing.

    Raises:
        ValueError: an argument cannot be right; that is for the author to see.
    """

    _latest: ClassVar[Telemetry | None] = None

    def __init__(
        self,
        *,
        app: str,
        version: str,
        endpoint: str = "",
        pipeline: str | os.PathLike[str] = "",
        token: str = "",
        consent: Default = "opt-out",
        commands: Collection[str] | None = None,
        outcomes: Mapping[type[BaseException], Outcome] | None = None,
        flush_command: Sequence[str] = (),
        notice: str | None = None,
    ) -> None:
        self.settings = Settings(
            app=app,
            version=version,
            endpoint=endpoint,
            pipeline=pipeline,
            token=token,
            consent=consent,
            commands=commands,
            outcomes=outcomes,
            flush_command=flush_command,
            notice=notice,
        )
        self._lock = threading.RLock()
        self._decision: Decision | None = None
        self._recorder: Recorder | None = None
        self._session_id = ""
        self._told = False
        Telemetry._latest = self

    def __repr__(self) -> str:
        return f"Telemetry(app={self.settings.app!r}, version={self.settings.version!r})"

    @classmethod
    def latest(cls) -> Telemetry:
        """Return the telemetry that this process has made last: an application has one.

        Raises:
            RuntimeError: there is none yet.
        """
        if cls._latest is None:
            raise RuntimeError("there is no Telemetry yet; make one first, or give it as an argument")
        return cls._latest

    @property
    def decision(self) -> Decision:
        """Whether telemetry is allowed, and why; decided when it is first asked."""
        if self._decision is None:
            self._decision = consent.decide(self.settings.app, self.settings.consent)
        return self._decision

    @property
    def enabled(self) -> bool:
        """Whether telemetry is allowed."""
        return self.decision.enabled

    def track(self, name: str = "", argv: Sequence[str] | None = None) -> Tracked:
        """Return what records a command: `with telemetry.track("org.list"):`, or above a function as `@...`.

        Inside of another command it is a step of that.

        Args:
            name: the command's name, such as `env.claim`; never what a user has typed, unless `commands` says which
                names there are. Without a name, it is looked for at the beginning of `argv`.
            argv: arguments, of which only the names of flags are recorded; by default, without a name, `sys.argv[1:]`.
        """
        attributes: dict[str, object] = {"beacon.command.name": arguments.UNKNOWN}
        quietly(self._describe, attributes, name, argv)
        return Tracked(self, "command", attributes)

    def step(self, name: str) -> Tracked:
        """Return what records a part of a command: `with telemetry.step("download"):`."""
        return Tracked(self, "step", {"beacon.step.name": name})

    def tool(self, name: str) -> Tracked:
        """Return what records the call of a tool by an agent that the application is or runs."""
        return Tracked(self, "agent.tool", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name})

    def llm(self, model: str, *, provider: str = "") -> Tracked:
        """Return what records the call of a model; tell it the tokens with `usage`."""
        named = {"gen_ai.provider.name": provider} if provider else {}
        return Tracked(self, "agent.llm", {"gen_ai.operation.name": "chat", "gen_ai.request.model": model, **named})

    def session(self) -> Tracked:
        """Return what records the begin and the end of a session, such as a conversation."""
        return Tracked(self, "session.end", {})

    def report(self, error: BaseException, source: str = "reported") -> None:
        """Record a crash that the application caught itself. One that nobody catches is reported anyway."""
        quietly(self._report, error, source)

    def watch_loop(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Report what nobody catches in the tasks and callbacks of an event loop; by default the one that runs here.

        A command that is tracked in a coroutine does that by itself.
        """
        from beacon_track import crash

        if self.enabled:
            crash.watch_loop(self.report, loop)

    def instrument(self, cli: Cli) -> Cli:
        """Record the commands of an application of click or typer, and return it: `telemetry.instrument(cli)`.

        Raises:
            TypeError: it is something else.
        """
        from beacon_track import integrations

        return integrations.instrument(self, cli)

    def run(
        self,
        parser: argparse.ArgumentParser,
        main: Callable[[argparse.Namespace], int | None],
        argv: Sequence[str] | None = None,
    ) -> int:
        """Parse arguments, call `main` with them, record that as a command: `sys.exit(telemetry.run(parser, main))`.

        Returns:
            what `main` returned as the exit code, 0 for nothing.
        """
        from beacon_track.integrations import argparse as hook

        return hook.run(self, parser, main, argv)

    def status(self) -> dict[str, object]:
        """Return `enabled`, `consent`, `source` and `token_configured`: what `telemetry status --json` prints [T11]."""
        from beacon_track import commands

        return commands.status(self)

    def set_enabled(self, enabled: bool) -> None:
        """Save the user's choice, and act on it at once.

        Raises:
            OSError: the choice cannot be written.
        """
        consent.save_choice(self.settings.app, enabled)
        with self._lock:
            self._decision = None
            if not enabled and self._recorder is not None:
                self._recorder.discard()

    def close(self) -> None:
        """Hand over what has been recorded; done at the end of the process anyway."""
        if self._recorder is not None:
            quietly(self._recorder.close)

    def recorder(self) -> Recorder | None:
        """Return what takes events, if that is allowed. For the hooks of this package."""
        if not self.enabled:
            return None
        with self._lock:
            if self._recorder is None:
                self._recorder = self._make_recorder()
            return self._recorder

    def first_command(self) -> None:
        """Tell a person once what is collected, and listen for crashes. For the hooks of this package."""
        from beacon_track import crash, notice

        crash.listen(self.report)
        crash.watch_running_loop(self.report)
        if not self._told:
            self._told = True
            quietly(notice.show, self.settings, self.decision)

    def _describe(self, attributes: dict[str, object], name: str, argv: Sequence[str] | None) -> None:
        """Add what a command line says of a command to its attributes."""
        known = self.settings.commands
        tokens = sys.argv[1:] if argv is None and not name else argv or ()
        if not name:
            attributes["beacon.command.name"] = arguments.command_name(tokens, known or ())
        elif known is None or name in known:
            attributes["beacon.command.name"] = name
        flags = arguments.flag_names(tokens)
        if flags:
            attributes["beacon.command.flags"] = flags

    def _make_recorder(self) -> Recorder:
        import atexit

        from beacon_track import device
        from beacon_track.recorder import Recorder

        self._session_id = self._session_id or device.new_uuid()
        atexit.register(self._at_exit)
        return Recorder(self.settings, self._session_id)

    def _report(self, error: BaseException, source: str) -> None:
        from beacon_track import crash, marks
        from beacon_track.events import Event

        recorder = self.recorder()
        if recorder is not None and not crash.is_deliberate(error) and marks.first_report(error):
            recorder.crashed(Event("crash", crash.attributes(error, source)), error)

    def _at_exit(self) -> None:
        try:
            self.close()
        except KeyboardInterrupt:  # the process is ending, which is what the user wants
            pass
