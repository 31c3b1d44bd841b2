"""An application of no framework: `with telemetry.track(...)`."""

from __future__ import annotations

import contextlib
import sys

from settings import BARE, act, telemetry

what = sys.argv[1] if len(sys.argv) > 1 else ""
with contextlib.nullcontext() if BARE else telemetry.track("env.claim"):
    code = act(what)
sys.exit(code)
