"""The receiver `stdin`: JSON lines from standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from beacon_core.component import Host
from beacon_core.errors import ConfigurationError
from beacon_core.receivers.lines.receiver import LinesReceiver
from beacon_core.receivers.lines.sources import Source, open_descriptor


class StdinReceiver(LinesReceiver):
    """Reads JSON lines from standard input until its end; a pipe, a file or a terminal."""

    #: What is read, and never closed. The bare descriptor: `sys.stdin` would buffer what the next reader is to get.
    fd: int = 0

    def start(self, host: Host) -> None:
        super().start(host)
        try:
            os.fstat(self.fd)
        except OSError:
            raise ConfigurationError("standard input is closed; connect a pipe or a file to it") from None
        if self.fd == 0 and sys.stdin is None:  # closed when Python started: 0 is some file of our own by now
            raise ConfigurationError("standard input is closed; connect a pipe or a file to it")

    def inputs(self) -> Iterable[tuple[str, AbstractContextManager[Source]]]:
        return [("standard input", nullcontext(open_descriptor(self.fd)))]
