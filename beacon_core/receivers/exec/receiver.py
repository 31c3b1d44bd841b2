"""The receiver `exec`: runs one command and receives what it prints, to its end (behaviours A1 to A6)."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, ClassVar, Final

from beacon_core.component import Host
from beacon_core.errors import ConfigurationError
from beacon_core.lines import STREAMS, Handover, Stop, stream_command
from beacon_core.process import CommandError, Process, Stream
from beacon_core.receiver import Consumer, Receiver
from beacon_core.receivers.exec.config import ExecConfig
from beacon_core.receivers.exec.recording import Recording

#: Of the time for shutting down: what the command gets between SIGTERM and SIGKILL, and what handing over may take.
_SHARE_OF_COMMAND, _SHARE_OF_HANDOVER = 0.4, 0.8
_SHORTEST_SECRET: Final = 8  # characters; a variable with a shorter value is rather a word or a number
_TEE: Final[dict[Stream, int]] = {"stdout": 1, "stderr": 2}


class ExecReceiver(Receiver):
    """Runs a command once. `run` returns when it has ended and all that it printed was handed over.

    While the queue takes nothing the command's output is not read, so that the command waits; its time goes on.
    """

    config_class: ClassVar[type[ExecConfig]] = ExecConfig
    config: ExecConfig
    finite: ClassVar[bool] = True

    def __init__(self, config: ExecConfig) -> None:
        super().__init__(config)
        self._stop = Stop()
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._returned = threading.Event()
        self._returned.set()

    def start(self, host: Host) -> None:
        """Check that the command, its directory and its input are there; nothing runs yet."""
        super().start(host)
        self._stop = Stop()
        options = self.config
        directory = options.working_directory
        if directory is not None and not directory.is_dir():
            raise ConfigurationError(f"working_directory {str(directory)!r} is no directory")
        if options.prompt_file is not None:
            with self._input():
                pass
        program = options.command[0]
        if os.path.dirname(program):  # noqa: PTH120 - whether it is a path is the question
            return  # relative to the directory, so the system looks
        if shutil.which(program, path=self._environment().get("PATH")) is None:
            raise ConfigurationError(f"the command {program!r} was not found; give its path, or extend PATH")

    def run(self, consumer: Consumer) -> None:
        self._returned.clear()
        try:
            handover = Handover(consumer, self.host, self._stop, secrets.token_bytes(16), self.config.max_batch_events)
            recording = Recording(self.config, self.host, handover)
            with self._input() as stdin:
                process = self._started(recording, stdin)
            if process is not None:
                _record(process, recording, handover)
            handover.hand_over()
        finally:
            self._returned.set()

    def shutdown(self, timeout: float) -> None:
        self._stop.request(timeout * _SHARE_OF_HANDOVER)
        with self._lock:
            process = self._process
        if process is not None:
            process.cancel(timeout * _SHARE_OF_COMMAND)
        self._returned.wait(timeout)

    def _started(self, recording: Recording, stdin: IO[bytes] | None) -> Process | None:
        """Start the command; None if that fails, or if the end was asked for before."""
        options = self.config
        command = options.command
        if options.format in STREAMS:
            command, notice = stream_command(command, options.allowed_tools)
            if notice:
                self.host.logger.warning("%s", notice)
        process = Process(
            command,
            env=self._environment(),
            working_directory=options.working_directory,
            stdin=stdin,
            tee=_TEE if options.tee else None,
            timeout=options.timeout,
            grace=options.grace,
        )
        with self._lock:
            if self._stop.requested:
                return None
            try:
                process.start()
            except CommandError as error:
                self.host.logger.error("%s", error)  # noqa: TRY400 - no traceback
                recording.not_started(error.exit_code, str(error))
                return None
            self._process = process
        recording.started(process.pid)
        return process

    @contextmanager
    def _input(self) -> Iterator[IO[bytes] | None]:
        path = self.config.prompt_file
        if path is None:
            yield sys.stdin.buffer if self.config.stdin == "inherit" and sys.stdin is not None else None
            return
        try:
            file = path.open("rb")
        except OSError as error:
            raise ConfigurationError(f"prompt_file {str(path)!r} cannot be read: {error.strerror}") from None
        with file:
            yield file

    def _environment(self) -> dict[str, str]:
        """Return the command's variables: without the values of secret options, which are for exporters."""
        if self.config.clear_environment:
            return dict(self.config.environment)
        hidden = {secret for secret in self.host.secrets if len(secret) >= _SHORTEST_SECRET}
        kept = {name: value for name, value in os.environ.items() if value not in hidden}
        return {**kept, **self.config.environment}


def _record(process: Process, recording: Recording, handover: Handover) -> None:
    try:
        while not process.ended:
            piece = process.read(handover.patience)
            if piece is not None:
                recording.take(piece)
            handover.hand_over_what_is_due()
    finally:
        process.close()
    if process.outcome is not None:
        recording.ended(process.outcome)
