"""What the tests of `sanitize` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beacon_core.component import Host
from beacon_core.event import Batch, Event
from beacon_core.processors.sanitize import SanitizeConfig, SanitizeProcessor
from beacon_core.testing import make_event

Sanitize = Callable[..., Event]


@pytest.fixture
def processor() -> SanitizeProcessor:
    """A processor with the default options, not started: the environment of the test run stays out of it."""
    processor = SanitizeProcessor(SanitizeConfig())
    processor.host = Host("sanitize")
    return processor


@pytest.fixture
def sanitize(processor: SanitizeProcessor) -> Sanitize:
    """Sanitize one event, given by its members, and check that doing it twice changes nothing more."""

    def run(**members: Any) -> Event:
        members = {"name": "", "body": None, "attributes": {}, "resource": {}} | members
        once = processor.process(Batch("b", (make_event(**members),)))
        assert processor.process(once) is once
        return once.events[0]

    return run
