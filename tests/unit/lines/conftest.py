"""What the tests of lines share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from beacon_core.testing.watching import wait_until as watch


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    return lambda condition: watch(condition, 30.0, "it did not happen")
