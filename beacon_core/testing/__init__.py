"""What the tests of a component need; part of the product, for third parties too."""

from beacon_core.testing.doubles import ListConsumer, make_batch, make_event

__all__ = ["ListConsumer", "make_batch", "make_event"]
