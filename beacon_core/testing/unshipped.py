"""What can be checked of an installed component that ships no contract; run by `beacon plugins check`.

Which one it is says the variable `BEACON_PLUGIN_CHECK`, as JSON: `target`, `module:class`, and `options` for it.
"""

from __future__ import annotations

import json
import os
from importlib.metadata import EntryPoint

import pytest

from beacon_core.component import Component
from beacon_core.config import ComponentConfig, ExporterConfig
from beacon_core.exporter import Exporter
from beacon_core.processor import Processor
from beacon_core.testing.component_contract import ComponentContract
from beacon_core.testing.processor_contract import ProcessorContract
from beacon_core.testing.watching import require


def _made() -> Component:
    """Return the component; options that need credentials or a destination are made up."""
    request = json.loads(os.environ["BEACON_PLUGIN_CHECK"])
    component: type[Component] = EntryPoint("component", request["target"], "").load()
    return component(component.config_class.model_validate(request["options"]))


class TestUnstarted(ComponentContract):
    """The part of every contract that starts nothing."""

    @pytest.fixture
    def component(self) -> Component:
        return _made()

    def test_its_options_are_a_config_class(self, component: Component) -> None:
        base: type[ComponentConfig] = ExporterConfig if isinstance(component, Exporter) else ComponentConfig
        require(isinstance(component.config, base), f"config_class has to derive from {base.__name__}")
        super().test_its_options_are_a_config_class(component)

    def test_it_can_be_shut_down_twice(self, component: Component) -> None:  # noqa: ARG002 - as in the contract
        pytest.skip("it is not started with options that are made up")

    def test_nothing_stays_open_after_shutdown(self, component: Component) -> None:  # noqa: ARG002 - as in the contract
        pytest.skip("it is not started with options that are made up")


class TestProcessor(ProcessorContract):
    """The whole contract, for a processor that needs no options."""

    @pytest.fixture
    def processor(self) -> Processor:
        made = _made()
        if not isinstance(made, Processor):
            raise TypeError("it is no Processor")
        return made
