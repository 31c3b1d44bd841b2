"""What the tests of a component need; part of the product, for third parties too.

Doubles and samples, a local HTTP backend with scripted faults, and the contract kit: for each kind of component a class
of checks that a test class derives from. Names are loaded when they are first used; only the contracts need pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beacon_core.testing.component_contract import ComponentContract
    from beacon_core.testing.doubles import (
        HeldConsumer,
        ListConsumer,
        ManualClock,
        RefusingConsumer,
        make_batch,
        make_event,
    )
    from beacon_core.testing.exporter_contract import ExporterContract
    from beacon_core.testing.faulty_server import FaultyServer, Request, Step
    from beacon_core.testing.processor_contract import ProcessorContract
    from beacon_core.testing.queue_contract import QueueContract
    from beacon_core.testing.receiver_contract import ReceiverContract
    from beacon_core.testing.samples import SAMPLE_VALUES, make_sample, make_samples

__all__ = [
    "SAMPLE_VALUES",
    "ComponentContract",
    "ExporterContract",
    "FaultyServer",
    "HeldConsumer",
    "ListConsumer",
    "ManualClock",
    "ProcessorContract",
    "QueueContract",
    "ReceiverContract",
    "RefusingConsumer",
    "Request",
    "Step",
    "make_batch",
    "make_event",
    "make_sample",
    "make_samples",
]

_HOMES = {
    **dict.fromkeys(
        ("HeldConsumer", "ListConsumer", "ManualClock", "RefusingConsumer", "make_batch", "make_event"), "doubles"
    ),
    **dict.fromkeys(("SAMPLE_VALUES", "make_sample", "make_samples"), "samples"),
    **dict.fromkeys(("FaultyServer", "Request", "Step"), "faulty_server"),
    "ComponentContract": "component_contract",
    "ExporterContract": "exporter_contract",
    "ProcessorContract": "processor_contract",
    "QueueContract": "queue_contract",
    "ReceiverContract": "receiver_contract",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        globals()[name] = value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
