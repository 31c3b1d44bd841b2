"""Finds component types by their entry points: Beacon's own and everyone else's in the same way."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, TypeAlias

from beacon_core.component import KINDS, Component, Kind
from beacon_core.config import ComponentConfig, ExporterConfig, suggest
from beacon_core.errors import PluginError
from beacon_core.exporter import Exporter
from beacon_core.processor import Processor
from beacon_core.queue import Queue
from beacon_core.receiver import Receiver

_BASES: dict[Kind, type[Component]] = {
    "receivers": Receiver,
    "processors": Processor,
    "exporters": Exporter,
    "queues": Queue,
}
#: Distributions of the Beacon project that bring a type, for the hint when it is missing.
_DISTRIBUTIONS = {
    ("exporters", t): f"beacon-{d}" for t, d in (("file", "file"), ("splunk_hec", "splunk"), ("datadog", "datadog"))
}


@dataclass(frozen=True, slots=True)
class Installed:
    """A component type that some installed distribution offers; nothing of it has been imported.

    Attributes:
        kind: which entry-point group it is in, without `beacon.`.
        type: its name there, which is the type in the YAML file.
        distribution: who offers it.
        version: the distribution's version.
        target: `module:attribute`.
    """

    kind: Kind
    type: str
    distribution: str
    version: str
    target: str


#: What every installed distribution offers, by kind; none of it has been imported.
Offers: TypeAlias = Mapping[Kind, EntryPoints]


def offers() -> Offers:
    """Return what is installed now. Reads every distribution, so who asks for several types calls it once."""
    points = entry_points()
    return {kind: points.select(group=f"beacon.{kind}") for kind in KINDS}


def installed(kind: Kind) -> list[Installed]:
    """Return what is installed of a kind, by name; imports none of it."""
    return _sorted(kind, offers()[kind])


def _sorted(kind: Kind, points: Iterable[EntryPoint]) -> list[Installed]:
    found = {Installed(kind, point.name, *_distribution(point), point.value) for point in points}
    return sorted(found, key=lambda item: (item.type, item.distribution))


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist is not None else ("unknown", "")


def load(kind: Kind, type_name: str, offered: Offers | None = None) -> type[Component]:
    """Import a component type and return its class.

    Args:
        kind: receivers, processors, exporters or queues.
        type_name: as in the YAML file.
        offered: by whatever is installed; looked up if it is not given.

    Raises:
        PluginError: it is not installed, installed twice, cannot be imported, or is no component of that kind.
    """
    points = (offered or offers())[kind]
    found = _sorted(kind, (point for point in points if point.name == type_name))
    if not found:
        raise PluginError(_missing(kind, type_name, sorted({point.name for point in points})))
    if len(found) > 1:
        owners = " and ".join(f"{item.distribution} ({item.target})" for item in found)
        raise PluginError(f"{kind[:-1]} type {type_name!r} is installed twice, by {owners}; uninstall one of them")
    return _checked(kind, found[0], _import(found[0]))


def _missing(kind: Kind, type_name: str, names: list[str]) -> str:
    close = suggest(type_name, names)
    distribution = _DISTRIBUTIONS.get((kind, type_name))
    hint = f'; did you mean "{close}"?' if close else f"; pip install {distribution}" if distribution else ""
    return f"{kind[:-1]} type {type_name!r} is not installed; installed are: {', '.join(names) or 'none'}{hint}"


def _import(item: Installed) -> Any:
    from stevedore import DriverManager  # noqa: PLC0415 - not needed to list what is installed

    class Driver(DriverManager[Any]):
        """Of what was found a moment ago: stevedore's cache on disk can be older, and looking again takes as long."""

        def list_entry_points(self) -> list[EntryPoint]:
            return [EntryPoint(item.type, item.target, self.namespace)]

    def failed(_manager: object, _point: EntryPoint, error: BaseException) -> None:
        raise PluginError(
            f"{item.kind[:-1]} type {item.type!r} of {item.distribution} {item.version} cannot be imported:"
            f" {type(error).__name__}: {error}; reinstall or uninstall {item.distribution}"
        ) from error

    return Driver(f"beacon.{item.kind}", item.type, on_load_failure_callback=failed).driver


def _checked(kind: Kind, item: Installed, loaded: Any) -> type[Component]:
    base = _BASES[kind]
    what = f"{kind[:-1]} type {item.type!r} of {item.distribution} ({item.target})"
    if not (inspect.isclass(loaded) and issubclass(loaded, base)):
        raise PluginError(f"{what} is not a class derived from beacon_core.{base.__name__}")
    missing = sorted(getattr(loaded, "__abstractmethods__", ()))
    if missing:
        raise PluginError(f"{what} lacks {', '.join(missing)}")
    config_base = ExporterConfig if base is Exporter else ComponentConfig
    if not issubclass(loaded.config_class, config_base):
        raise PluginError(f"{what}: its config_class does not derive from beacon_core.{config_base.__name__}")
    return loaded


# ---- describing ----


def summary(component: type[Component]) -> str:
    """Return the first sentence of a component's docstring."""
    return (inspect.getdoc(component) or "").partition("\n")[0]
