"""The sidecar: a `beacon run` of its own for one session, launched, recognized by its nonce, and reaped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beacon_core.ci.directories import Places
from beacon_core.ci.interrupts import Interrupts
from beacon_core.ci.processes import end
from beacon_core.ci.recognition import LOG_HEAD
from beacon_core.errors import BeaconError, ConfigurationError
from beacon_core.files import PRIVATE

_POLL = 0.004  # seconds between looks at the ready file
_SHOWN_LINES = 20
_CONFIGURATION = 78  # what `beacon run` ends with where something has to be corrected
_FAILED_START = 2.0  # seconds for a sidecar that did not get ready to end, before it is killed
_DRAIN_MARGIN = 10.0  # seconds to start and to end
#: A GitHub runner kills what carries its tracking id at the end of a step, and the step that starts us ends at once.
_NOT_INHERITED = ("RUNNER_TRACKING_ID",)


class SidecarError(BeaconError):
    """The sidecar did not start; the message has the end of its log."""


@dataclass(frozen=True)
class Ready:
    """What a sidecar says when it accepts.

    Attributes:
        pid: its process.
        endpoints: URLs by protocol.
        secret_variables: names of the variables in which it found its exporters' secrets.
    """

    pid: int
    endpoints: dict[str, str]
    secret_variables: list[str]


@dataclass
class Sidecar:
    """A sidecar that this process has launched.

    Attributes:
        process: the child.
        places: the session's files.
        nonce: what it has to give back.
        hold: keeps it running: it drains and ends when this end of the pipe is closed. None: it runs on alone.
    """

    process: subprocess.Popen[bytes]
    places: Places
    nonce: str
    hold: int | None = None

    def is_running(self) -> bool:
        """Say whether it runs."""
        return self.process.poll() is None

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait_ready(self, deadline: float, interrupts: Interrupts) -> Ready:
        """Return what the sidecar says when it accepts.

        Args:
            deadline: on the monotonic clock.
            interrupts: looked at while waiting.

        Raises:
            ConfigurationError: it says that something has to be corrected.
            SidecarError: it ended, or is not ready in time.
            InterruptedStartError: a signal came.
        """
        while True:
            interrupts.check()
            ready = self._ready()
            if ready is not None:
                return ready
            if not self.is_running():
                raise self._failure(f"the sidecar ended with code {self.process.returncode}")
            if time.monotonic() > deadline:
                raise self._failure("the sidecar did not get ready in time")
            time.sleep(_POLL)

    def _ready(self) -> Ready | None:
        try:
            found: Any = json.loads(self.places.ready.read_bytes())
        except FileNotFoundError:
            return None
        if found.get("nonce") != self.nonce:  # of an earlier one, which was killed
            return None
        endpoints: dict[str, str] = {}
        for addresses in found["endpoints"].values():
            endpoints = {**addresses, **endpoints}
        return Ready(found["pid"], endpoints, found["secret_variables"])

    def _failure(self, what: str) -> BeaconError:
        text = f"{what}; {self.places.collector_log} ends with:\n{log_tail(self.places.collector_log)}"
        return (ConfigurationError if self.process.returncode == _CONFIGURATION else SidecarError)(text)

    def discard(self) -> None:
        """End it at once, whatever it does, and wait for it."""
        end(self, _FAILED_START)
        self.release()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def detach(self) -> None:
        """Let it run on when this process has ended; nobody here waits for it any more."""
        self.process.returncode = 0  # else `Popen` complains that nobody has

    def release(self) -> None:
        """Let go of the pipe that keeps it running."""
        if self.hold is not None:
            os.close(self.hold)
            self.hold = None


def launch(
    places: Places, files: Sequence[Path], environ: Mapping[str, str], variables: Mapping[str, str], *, held: bool
) -> Sidecar:
    """Launch a sidecar in a session of its own.

    Args:
        places: where its files are.
        files: the pipeline.
        environ: what it inherits, the exporters' credentials included.
        variables: what the pipeline refers to besides.
        held: end it when this process ends, even by SIGKILL.

    Raises:
        OSError: its log cannot be written.
    """
    nonce = os.urandom(16).hex()
    inherited = {name: value for name, value in environ.items() if name not in _NOT_INHERITED}
    reading, hold = os.pipe() if held else (subprocess.DEVNULL, None)
    places.ready.unlink(missing_ok=True)
    places.receipt.unlink(missing_ok=True)
    places.collector_log.unlink(missing_ok=True)
    log = os.open(places.collector_log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, PRIVATE)
    try:
        os.write(log, LOG_HEAD + b"\n")
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and files
            command(places, files, held=held),
            env={**inherited, **variables, "BEACON_NONCE": nonce},
            stdin=reading,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)
        if held:
            os.close(reading)
    return Sidecar(process, places, nonce, hold)


def command(places: Places, files: Sequence[Path], *, held: bool) -> list[str]:
    """Return the sidecar's command line; -P keeps a checkout's `click.py` from being imported."""
    words = [sys.executable, "-P", "-m", "beacon_core.cli", "run"]
    words += [word for file in files for word in ("--pipeline", str(file))]
    words += ["--ready-file", str(places.ready), "--receipt", str(places.receipt), "--effective", str(places.pipeline)]
    words += ["--set", "service.workers=1"]  # a session has one queue, in one file: `stop` recognizes and moves it
    # Whoever ends it says by a second signal when the drain is over.
    return [*words, "--drain-timeout", "10m", *(["--until-eof"] if held else [])]


def drain(places: Places, environ: Mapping[str, str], variables: Mapping[str, str], timeout: float) -> bool:
    """Deliver what a sidecar that was killed has accepted and left in its queue; say whether all of it was.

    Args:
        places: of the session.
        environ: with the exporters' credentials.
        variables: what the pipeline refers to besides.
        timeout: seconds.

    Raises:
        OSError: the log cannot be written.
    """
    words = [sys.executable, "-P", "-m", "beacon_core.cli", "run", "--drain", str(places.base)]
    words += ["--receipt", str(places.receipt), "--drain-timeout", f"{timeout * 1000:.0f}ms"]
    with os.fdopen(os.open(places.collector_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE), "ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and files
            words, env={**environ, **variables}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        return process.wait(timeout + _DRAIN_MARGIN) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def log_tail(path: Path) -> str:
    """Return the last lines of a sidecar's log, which has been kept free of secrets (P7)."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as error:
        return f"  (it cannot be read: {error.strerror})"
    return "\n".join(f"  {line}" for line in lines[1:][-_SHOWN_LINES:]) or "  (nothing)"
