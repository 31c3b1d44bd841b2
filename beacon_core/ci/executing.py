"""Wraps one command in a session: whatever becomes of the telemetry, the command runs and its code counts (P9)."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from beacon_core.ci.command import Command, CommandNotStartedError
from beacon_core.ci.directories import beside
from beacon_core.ci.harnesses import HARNESSES
from beacon_core.ci.interrupts import Interrupts
from beacon_core.ci.pipelines import CREDENTIALS
from beacon_core.ci.starting import Request, SessionRunningError, Started, start
from beacon_core.ci.stopping import Ending, Outcome, finish
from beacon_core.errors import BeaconError

if TYPE_CHECKING:
    from beacon_core.ci.streaming import StreamCopy

_LINGER = 5.0  # seconds that what the command has left running may still report something (agents.md 2.7)
_REFERENCE = re.compile(r"\$\{env:(\w+)")
_SOUNDS_SECRET = re.compile(r"TOKEN|KEY|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)


@dataclass
class Execution:
    """A wrapped command.

    Attributes:
        request: the session that is asked for.
        words: the command.
        environ: the job's environment.
        interrupts: signals that come.
        say: shows a sentence to the user.
        streamed: what the command prints is taken as well, as the stream of an agent.
        code: what the command ended with; None if it was not started.
    """

    request: Request
    words: Sequence[str]
    environ: Mapping[str, str]
    interrupts: Interrupts
    say: Callable[[str], None]
    streamed: bool = False
    code: int | None = None

    def start(self) -> Started | None:
        """Start the session; None if there is none, which has been said.

        Raises:
            InterruptedStartError: a signal came.
        """
        try:
            return self._start()
        except BeaconError as error:
            self.say(f"{error}\nbeacon: there is no telemetry of this command")
        except OSError as error:
            self.say(f"{error.filename or 'a file'}: {error.strerror}; there is no telemetry of this command")
        return None

    def _start(self) -> Started:
        places = self.request.places
        try:
            return start(self.request, self.environ, self.interrupts, held=True)
        except SessionRunningError:
            if places.given:
                raise
        # Another job of this user on this machine: its directory is the default one as well.
        self.request = replace(self.request, places=beside(places, f"exec-{os.getpid()}"))
        self.say(f"another session has {places.base}; the files of this one are in {self.request.places.base}")
        return start(self.request, self.environ, self.interrupts, held=True)

    def run(self, started: Started | None) -> None:
        """Run the command to its end and set `code`; then wait a moment for what it has left running."""

        def reaped(pid: int, code: int) -> None:
            if started is not None and pid == started.sidecar.process.pid:
                started.sidecar.process.returncode = code
                self.say(f"the sidecar ended with code {code}; the command goes on")

        stream = self._stream(started)
        pipe = subprocess.PIPE if stream is not None else None
        try:
            command = Command(self.words, self._environment(started), self.interrupts, stdout=pipe)
        except CommandNotStartedError as error:
            self.say(str(error))
            self.code = error.code
            return
        if stream is not None and command.output is not None:
            stream.start(command.output)
        self.code = command.wait(reaped)
        seen = len(self.interrupts.received)
        command.wait_for_group(_LINGER, reaped, hurry=lambda: len(self.interrupts.received) > seen)
        for notice in stream.finish(_LINGER) if stream is not None else ():
            self.say(notice)

    def _stream(self, started: Started | None) -> StreamCopy | None:
        """Return what takes the command's output, with the flags added that make it worth taking."""
        if not self.streamed or started is None:
            return None
        from beacon_core.ci.streaming import StreamCopy  # noqa: PLC0415 - only where it is asked for
        from beacon_core.lines import stream_command  # noqa: PLC0415

        self.words, notice = stream_command(self.words)
        if notice:
            self.say(notice)
        return StreamCopy(started.ready.endpoints.get("http", ""), self.words)

    def finish(self, started: Started, ending: Ending) -> Outcome:
        """End the session; a signal cuts the delivery short."""
        seen = len(self.interrupts.received)
        try:
            return finish(started.session, started.sidecar, ending, hurry=lambda: len(self.interrupts.received) > seen)
        finally:
            started.sidecar.release()

    def _environment(self, started: Started | None) -> dict[str, str]:
        """Return the command's environment, without what only exporters need ([C12])."""
        changed = dict(self.environ) if started is None else started.environment.apply(self.environ)
        secret = _secret_references(self.request) if started is None else started.ready.secret_variables
        hidden = {*CREDENTIALS.values(), *secret}
        return {name: value for name, value in changed.items() if name not in hidden}


def with_agent(request: Request, words: Sequence[str]) -> Request:
    """Return the request with the agent that the command is, where none was asked for."""
    name = PurePath(words[0]).stem
    return replace(request, harnesses=(name,)) if not request.harnesses and name in HARNESSES else request


def _secret_references(request: Request) -> set[str]:
    """Return the variables in pipeline files that sound like secrets, where no sidecar could tell which are."""
    return {name for file in request.choice.files for name in _references(file) if _SOUNDS_SECRET.search(name)}


def _references(file: Path) -> list[str]:
    try:
        return _REFERENCE.findall(file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []
