"""From the queue to the exporters: workers, the outcome of an attempt, backoff."""

from beacon_core.delivery.worker import Worker

__all__ = ["Worker"]
