"""What holds for the tests of every distribution here."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Machines are busy now and then: how long an example takes says nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
