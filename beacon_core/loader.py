"""From a pipeline file to a graph of components: everything is checked and built, nothing is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr

from beacon_core import config
from beacon_core.component import Component, Kind
from beacon_core.config import ComponentConfig, Document, ExporterConfig, PipelineOptions, ServiceOptions
from beacon_core.errors import ConfigurationError, PluginError
from beacon_core.exporter import Exporter
from beacon_core.processor import Processor
from beacon_core.queue import Queue
from beacon_core.receiver import Receiver

_SECTIONS: tuple[Kind, ...] = ("receivers", "processors", "exporters")
SANITIZE = "sanitize"  # the type that has to come last (promise P2)
_SHORTEST_UNMISTAKABLE = 16  # a secret of so many characters is not in another variable by chance
_SHORTEST_SECRET = 4  # a shorter value in telemetry says nothing about where it comes from


@dataclass(kw_only=True)
class Graph:
    """The components of a configuration, by id, and how they hang together.

    Attributes:
        receivers: those that a pipeline uses.
        processors: likewise; one that several pipelines use is one object.
        exporters: likewise.
        exporter_configs: their options, which tell the core how to batch and retry.
        queue: between the pipelines and the exporters.
        pipelines: by name, in the order of the file: the ids of their components.
        telemetry_endpoint: `host:port` of the admin endpoint, None if it is off.
        workers: how many processes run it.
        own_cpus: whether each of several processes keeps to a CPU of its own.
        secrets: the values of all secret options.
        warnings: what is allowed and probably not meant.
        document: the configuration that it was built from.
    """

    receivers: dict[str, Receiver]
    processors: dict[str, Processor]
    exporters: dict[str, Exporter]
    exporter_configs: dict[str, ExporterConfig]
    queue: Queue
    pipelines: dict[str, PipelineOptions]
    telemetry_endpoint: str | None = None
    workers: int = 1
    own_cpus: bool = True
    secrets: tuple[str, ...] = field(default=(), repr=False)
    warnings: list[str] = field(default_factory=list)
    document: Document | None = field(default=None, repr=False)

    def effective(self) -> Any:
        """Return the configuration in effect as ordinary data: references as they were written, no secrets."""
        return self.document.effective(self.secrets) if self.document is not None else {}

    def secret_variables(self, environ: Mapping[str, str]) -> list[str]:
        """Return the names of variables that hold a secret: an option's reference names them, or they have its value.

        Args:
            environ: the variables.
        """
        long = [secret for secret in self.secrets if len(secret) >= _SHORTEST_UNMISTAKABLE]
        holding = {
            name
            for name, value in environ.items()
            if value.strip() in self.secrets or any(secret in value for secret in long)
        }
        referred = self.document.variables_of(self.secrets) if self.document is not None else set()
        return sorted(holding | (referred & environ.keys()))


#: Returns the class of a component type; raises `PluginError`.
TypeLoader = Callable[[Kind, str], type[Component]]


def load(
    files: Sequence[Path], *, sets: Sequence[str] = (), environ: Mapping[str, str], load_type: TypeLoader
) -> Graph:
    """Read, check and build a configuration.

    Args:
        files: pipeline files, later ones over earlier ones.
        sets: `PATH=VALUE` changes, which win over everything else.
        environ: the environment, for references, `BEACON__` variables and the overlays' facts.
        load_type: finds the class of a component type.

    Raises:
        InvalidConfigurationError: with every problem that was found.
    """

    def facts() -> Mapping[str, str]:
        from beacon_core.processors.fingerprint import facts as detected  # noqa: PLC0415 - only where overlays ask

        return detected(environ)

    document = config.load(files, sets=sets, environ=environ, facts=facts)
    return _Builder(document, load_type).build()


class _Builder:
    """Collects problems while it builds; gives the graph out only if there were none."""

    def __init__(self, document: Document, load_type: TypeLoader) -> None:
        self._document = document
        self._load_type = load_type
        self._problems = document.problems
        self._secrets: list[str] = []

    def build(self) -> Graph:
        service = self._document.validate(("service",), ServiceOptions, self._problems)
        if service is None:
            self._check_all_components()
            raise config.InvalidConfigurationError(self._problems)
        for name in service.pipelines:
            self._check_pipeline(name, service)
        self._check_pairs(service)
        receivers = cast(dict[str, Receiver], self._components("receivers", service))
        processors = cast(dict[str, Processor], self._components("processors", service))
        exporters = cast(dict[str, Exporter], self._components("exporters", service))
        queue = self._component(("service", "queue"), "queues", service.queue.type, exclude=("type",))
        self._problems.raise_if_any()
        assert isinstance(queue, Queue)  # noqa: S101 - None only with a problem
        return Graph(
            receivers=receivers,
            processors=processors,
            exporters=exporters,
            exporter_configs={n: e.config for n, e in exporters.items() if isinstance(e.config, ExporterConfig)},
            queue=queue,
            pipelines=service.pipelines,
            telemetry_endpoint=service.telemetry.endpoint,
            workers=service.workers,
            own_cpus=service.worker_cpu_affinity == "auto",
            secrets=tuple(self._secrets),
            warnings=list(self._unused(service)),
            document=self._document,
        )

    # ---- how components hang together ----

    def _check_pipeline(self, name: str, service: ServiceOptions) -> None:
        options = service.pipelines[name]
        path = ("service", "pipelines", name)
        for section in _SECTIONS:
            known = self._document.section(section)
            ids: list[str] = getattr(options, section)
            for index, component in enumerate(ids):
                if component not in known:
                    hint = config.did_you_mean(component, known)
                    self._problem((*path, section, index), f'no such {section[:-1]}: "{component}"{hint}')
                elif component in ids[:index]:
                    self._problem((*path, section, index), f'"{component}" is listed twice')
        types = [_type(component) for component in options.processors]
        if not options.allow_unsanitized and types[-1:] != [SANITIZE]:
            where = "must be the last processor" if SANITIZE in types else "is missing"
            self._problem(
                (*path, "processors"),
                f"sanitize {where}: raw telemetry would reach the disk and the destinations;"
                " add it, or set allow_unsanitized: true for this pipeline",
            )

    def _check_pairs(self, service: ServiceOptions) -> None:
        seen: dict[tuple[str, str], str] = {}
        for name, options in service.pipelines.items():
            for pair in ((r, e) for r in options.receivers for e in options.exporters):
                first = seen.setdefault(pair, name)
                if first != name:
                    self._problem(
                        ("service", "pipelines", name),
                        f'receiver "{pair[0]}" reaches exporter "{pair[1]}" through pipeline "{first}" already;'
                        " every event would be delivered twice",
                    )

    def _used(self, service: ServiceOptions, section: str) -> list[str]:
        """Return the ids that pipelines use, each once, in their order, as far as they exist."""
        known = self._document.section(section)
        ids = [component for options in service.pipelines.values() for component in getattr(options, section)]
        return [component for component in dict.fromkeys(ids) if component in known]

    def _unused(self, service: ServiceOptions) -> Iterator[str]:
        for section in _SECTIONS:
            for component in self._document.section(section):
                if component not in self._used(service, section):
                    yield f"{section}.{component} is configured, but no pipeline uses it"

    # ---- single components ----

    def _check_all_components(self) -> None:
        """Find what else is wrong where `service` is, and so nobody knows what is used."""
        for kind in _SECTIONS:
            for name in self._document.section(kind):
                self._component((kind, name), kind, _type(name))

    def _components(self, kind: Kind, service: ServiceOptions) -> dict[str, Component]:
        built = {name: self._component((kind, name), kind, _type(name)) for name in self._used(service, kind)}
        return {name: component for name, component in built.items() if component is not None}

    def _component(
        self, path: tuple[str, str], kind: Kind, type_name: str, exclude: Sequence[str] = ()
    ) -> Component | None:
        """Build a component; None, and at least one problem, if it cannot be.

        The classes that `load_type` returns are of their kind: it sees to that.
        """
        try:
            component_class = self._load_type(kind, type_name)
        except PluginError as error:
            self._problem(path, str(error), at_key=True)
            return None
        options = self._document.validate(path, component_class.config_class, self._problems, exclude=exclude)
        if options is None:
            return None
        self._secrets += _secrets(options)
        component = component_class(options)
        if isinstance(options, ExporterConfig) and options.max_in_flight > 1 and not _is_concurrent(component):
            self._problem((*path, "max_in_flight"), f"{type_name} makes one attempt at a time; leave it at 1")
        try:
            component.validate()
        except ConfigurationError as error:
            self._problem(path, str(error), at_key=True)
        return component

    def _problem(self, path: tuple[str | int, ...], message: str, *, at_key: bool = False) -> None:
        self._problems.append(self._document.problem(path, message, at_key=at_key))


def _is_concurrent(component: Component) -> bool:
    return isinstance(component, Exporter) and component.concurrent


def _type(component: str) -> str:
    """Return the type in an id `type/name`."""
    return component.partition("/")[0]


def _secrets(value: object) -> Iterator[str]:
    """Yield the secrets in options, also those in lists and maps."""
    match value:
        case SecretStr():
            if len(value.get_secret_value()) >= _SHORTEST_SECRET:
                yield value.get_secret_value()
        case ComponentConfig():
            yield from _secrets(list(vars(value).values()))
        case dict():
            yield from _secrets(list(value.values()))
        case list() | tuple():
            for each in value:
                yield from _secrets(each)
