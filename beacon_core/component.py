"""What receivers, processors, exporters and queues have in common: options, start, shutdown."""

from __future__ import annotations

import logging
import time
from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias, get_args

from beacon_core.config import ComponentConfig
from beacon_core.telemetry import Counters

#: The kinds of components, which are sections of a pipeline file and entry-point groups (`beacon.<kind>`).
Kind: TypeAlias = Literal["receivers", "processors", "exporters", "queues"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Host:
    """What a component may use of the service that runs it.

    Attributes:
        component: the component's id as in the YAML file, such as `file/archive`.
        counters: the run's counters.
        secrets: the values of all `Secret` options of the configuration, for `sanitize`: telemetry may repeat them.
        clock: the time now, in Unix nanoseconds.
        once: the run makes one pass (`beacon run --once`): a receiver that waits for more takes what is there and
            returns from `run`.
        worker: which of several processes this is (`service.workers`), from 1.
    """

    component: str
    counters: Counters = field(default_factory=Counters)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    clock: Callable[[], int] = time.time_ns
    once: bool = False
    worker: int = 1

    @property
    def logger(self) -> logging.Logger:
        """A logger for this component. Never log payloads or credentials."""
        return logging.getLogger(f"beacon.{self.component}")

    def count(self, name: str, amount: int = 1, *, reason: str = "") -> None:
        """Add to one of this component's counters."""
        self.counters.add(name, self.component, amount, reason=reason)


class Component(ABC):
    """Base of everything that can stand in a pipeline.

    Lifecycle, driven by the service from its main thread: construct, `start`, work, `shutdown`. A component may be shut
    down without having been started, and shut down twice; both do nothing harmful. `validate` constructs components and
    never starts them.

    Args:
        config: the component's options, an instance of `config_class`.
    """

    #: The options in the YAML file. A component without options leaves it alone.
    config_class: ClassVar[type[ComponentConfig]] = ComponentConfig

    host: Host

    def __init__(self, config: ComponentConfig) -> None:
        """Store the options and nothing else: no file, no socket, no thread, no network."""
        self.config = config
        self.host = Host(type(self).__name__)

    def validate(self) -> None:
        """Check what takes more than looking at the options, such as reading a file that one of them names.

        Called by `beacon validate` and before every run; without side effects.

        Raises:
            ConfigurationError: something has to be corrected.
        """

    def share(self, workers: int) -> None:
        """Get ready to run in several processes at once (`service.workers`), which are forked after that.

        Called once, before `start`, which every process then calls for itself. Processors, and exporters that keep
        nothing on this machine, need not do anything.

        Raises:
            ConfigurationError: it cannot run more than once.
        """

    def start(self, host: Host) -> None:
        """Get ready to work: open files, bind sockets. An override calls it first.

        Raises:
            BeaconError: if it cannot work; the service then shuts down what it has started and exits.
        """
        self.host = host

    def shutdown(self, timeout: float) -> None:
        """Stop working and release everything within `timeout` seconds; flush what has been taken."""
