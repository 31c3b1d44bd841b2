"""What holds for the tests of every distribution here."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# Machines are busy now and then: how long an example takes says nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Whoever starts the tests in the background may ignore SIGINT, and so would every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
