"""Starts the admin endpoint where it is asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beacon_core.service.admin import Watched

logger = logging.getLogger("beacon.service")


@contextmanager
def start_admin(endpoint: str | None, watched: Watched) -> Iterator[str]:
    """Serve while the context lasts; yields the URL, empty where `endpoint` is None.

    Raises:
        ConfigurationError: the address cannot be bound.
    """
    if endpoint is None:
        yield ""
        return
    from beacon_core.service.admin import AdminServer  # noqa: PLC0415 - brings the OpenTelemetry SDK

    server = AdminServer(endpoint, watched)
    url = server.start()
    logger.info("admin endpoint %s", url)
    try:
        yield url
    finally:
        server.shutdown()
