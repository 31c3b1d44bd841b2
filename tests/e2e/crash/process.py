"""One `beacon run`, started in the campaign's folder, killed or ended, and what it left there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BEACON = Path(sys.executable).with_name("beacon")
_WATCHDOG = 60.0  # seconds after which a process counts as hanging


class HangingError(Exception):
    """A process does not do what it should for a long time."""


class BeaconProcess:
    """A running `beacon run`.

    Args:
        folder: its working directory, with `pipeline.yaml`.
        sets: options to change, for `--set`.
        drain: seconds that it may deliver after SIGTERM.
        environ: environment variables on top of ours.
    """

    def __init__(self, folder: Path, *sets: str, drain: float, environ: Mapping[str, str]) -> None:
        self._ready, self._receipt, self._log = (folder / name for name in ("ready.json", "receipt.json", "stderr.txt"))
        self.terms = 0  #: how many SIGTERMs it got
        self._ready.unlink(missing_ok=True)
        self._receipt.unlink(missing_ok=True)
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        command = [str(BEACON), "run", "-p", "pipeline.yaml", "--ready-file", "ready.json", "--receipt", "receipt.json"]
        changes = [argument for change in sets for argument in ("--set", change)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--drain-timeout", f"{drain}s", "--log-level", "warning", *changes],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environ},
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def wait_ready(self) -> tuple[str, int]:
        """Return where its receiver listens.

        Raises:
            HangingError: it ended, or is not ready for a long time.
        """
        deadline = time.monotonic() + _WATCHDOG
        while not self._ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise HangingError(f"did not get ready (exit code {self._process.poll()})")
            time.sleep(0.002)
        url = urllib.parse.urlsplit(json.loads(self._ready.read_text())["endpoints"]["otlp"]["http"])
        return url.hostname or "", url.port or 0

    def kill(self) -> bool:
        """SIGKILL; False if it had ended before."""
        ended = self._process.poll() is not None
        self._process.kill()
        return self._process.wait() < 0 and not ended

    def terminate(self) -> None:
        """SIGTERM."""
        self.terms += 1
        self._process.terminate()

    def reload(self) -> None:
        """SIGHUP."""
        self._process.send_signal(signal.SIGHUP)

    def ended_within(self, seconds: float) -> bool:
        """Wait for its end at most so long; say whether it has come."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def finish(self) -> tuple[int, dict[str, Any] | None]:
        """Wait for its end; return the exit code, and the receipt where there is one.

        Raises:
            HangingError: it does not end.
        """
        if not self.ended_within(_WATCHDOG):
            self.kill()
            raise HangingError(f"did not end within {_WATCHDOG:g} s after SIGTERM")
        receipt = json.loads(self._receipt.read_text()) if self._receipt.exists() else None
        return self._process.returncode, receipt

    def log(self) -> str:
        """What it has written on stderr."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")
