"""What ends a run from outside: signals, and the end of stdin."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beacon_core.service import Service
    from beacon_core.service.processes import Processes


def obey_signals(service: Service | Processes) -> list[int]:
    """Let signals end the run or read its configuration again; the list gets the numbers of those that end it."""
    signals: list[int] = []

    def stop(number: int, _frame: object) -> None:
        signals.append(number)
        service.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, lambda *_: service.reload())
    return signals


def stop_at_eof(service: Service | Processes) -> None:
    """Let the end of stdin end the run."""

    def wait() -> None:
        while os.read(0, 4096):  # not sys.stdin: its lock would be held at the end of the interpreter
            pass
        service.stop()

    threading.Thread(target=wait, name="stdin", daemon=True).start()
