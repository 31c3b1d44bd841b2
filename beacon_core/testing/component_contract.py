"""What every component promises, whatever its kind: construction, lifecycle, secrets."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import quote

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from beacon_core.component import Component, Host
from beacon_core.config import ComponentConfig
from beacon_core.testing.watching import bounded, changed, open_things, require, touched, wait_until


class ComponentContract:
    """Base of the contracts; derive from that of your component's kind.

    Attributes:
        patience: seconds after which something that does not end counts as hanging. Nothing is measured with it.
        base_config: what the component's options have to derive from.
    """

    patience: ClassVar[float] = 30.0
    base_config: ClassVar[type[ComponentConfig]] = ComponentConfig

    @pytest.fixture
    def component(self) -> Component:
        """The component, constructed and not started. Each kind's contract has a fixture of its own name for it."""
        raise NotImplementedError("override the fixture that makes the component")

    @pytest.fixture
    def secrets(self, component: Component) -> list[str]:
        """The credentials among its options: the values of its `Secret` options. Add what you keep elsewhere."""
        return list(_secrets(component.config))

    def live(self, component: Component) -> None:
        """Go through a whole life, from start to shutdown; a contract adds work between them."""
        component.start(Host("contract"))
        self.shut_down(component)

    def shut_down(self, component: Component, timeout: float = 5) -> None:
        """Shut a component down, and fail if that does not end."""
        __tracebackhide__ = True
        bounded(lambda: component.shutdown(timeout), timeout + self.patience, "shutdown() does not return")

    # ---- construction ----

    def test_its_options_are_a_config_class(self, component: Component) -> None:
        config_class = type(component).config_class
        require(
            issubclass(config_class, self.base_config),
            f"config_class has to derive from {self.base_config.__name__}, which brings what the core carries out",
        )
        require(isinstance(component.config, config_class), "`config` has to be what the constructor was given")

    def test_the_constructor_only_stores(self, component: Component) -> None:
        with touched() as doings:
            type(component)(component.config)
        require(not doings, f"the constructor may store options and nothing else; move this to start(): {doings}")

    def test_validate_changes_nothing(self, component: Component) -> None:
        with changed() as doings:
            component.validate()
            component.validate()
        require(not doings, f"validate() may read but has no side effects; `beacon validate` calls it: {doings}")

    # ---- the end ----

    def test_it_can_be_shut_down_without_having_been_started(self, component: Component) -> None:
        self.shut_down(component)
        self.shut_down(component)

    def test_it_can_be_shut_down_twice(self, component: Component) -> None:
        component.start(Host("contract"))
        self.shut_down(component)
        self.shut_down(component)

    def test_nothing_stays_open_after_shutdown(self, component: Component) -> None:
        before = open_things()
        self.live(component)
        wait_until(
            lambda: not open_things() - before,
            self.patience,
            f"shutdown() releases everything; still open: {sorted(open_things() - before)}",
        )

    # ---- secrets ----

    def test_p7_no_secret_in_what_it_shows_of_itself(self, component: Component, secrets: list[str]) -> None:
        config = component.config
        shown = f"{component!r} {component!s} {config!r} {config!s} {config.model_dump_json()}"
        require_no_secret(secrets, shown, "repr(), str() or the printed options")


def require_no_secret(secrets: list[str], text: str, where: str) -> None:
    """Fail if a secret stands in a text, as it is, percent-encoded or in base64."""
    __tracebackhide__ = True
    for secret in secrets:
        forms = {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()}
        require(not any(form in text for form in forms), f"a Secret option stands in {where}")


def _secrets(value: object) -> Iterator[str]:
    """Yield the secrets in options, wherever they are."""
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case SecretBytes():
            yield value.get_secret_value().decode(errors="replace")
        case BaseModel():
            yield from _secrets([inner for _, inner in value])
        case dict():
            yield from _secrets([*value.values()])
        case list() | tuple() | set() | frozenset():
            for inner in value:
                yield from _secrets(inner)
