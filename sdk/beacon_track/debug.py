"""What `BEACON_DEBUG=1` shows: one line on stderr for every event and every flush [T14]. Texts are clean already."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def enabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether to show anything."""
    return environ.get("BEACON_DEBUG", "").strip().lower() not in ("", "0", "false")


def say(text: str, environ: Mapping[str, str] = os.environ) -> None:
    """Write a line on stderr, if anybody wants to see it and it can be written."""
    if not enabled(environ) or sys.stderr is None:
        return
    from beacon_track import sanitize

    try:
        sys.stderr.write(f"beacon_track: {sanitize.clean(' '.join(text.split()))}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass
