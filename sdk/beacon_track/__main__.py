"""`python -m beacon_track flush DIRECTORY`: what the detached flusher runs."""

from __future__ import annotations

import sys

_USAGE = 2


def main(arguments: list[str]) -> int:
    """Run a command and return its exit code."""
    if len(arguments) == 2 and arguments[0] == "flush":  # noqa: PLR2004 - command and directory
        import faulthandler

        from beacon_track.flusher import FLUSH_SECONDS, flush

        # A server that trickles has no time-out; what this process has taken can be taken again when it is gone.
        faulthandler.dump_traceback_later(FLUSH_SECONDS * 2, exit=True)
        return flush(arguments[1])
    sys.stderr.write("usage: python -m beacon_track flush DIRECTORY\n")
    return _USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
