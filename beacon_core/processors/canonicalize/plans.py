"""Which plan an event gets: all rules of one agent, compiled for each name of an event, metric or span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from beacon_core.event import Attributes, Event
from beacon_core.processors.canonicalize.conditions import compile_condition, value_tests
from beacon_core.processors.canonicalize.expressions import compile_expression
from beacon_core.processors.canonicalize.patterns import fits
from beacon_core.processors.canonicalize.plan import Derived, Fields, Plan, Step
from beacon_core.processors.canonicalize.record import Record
from beacon_core.processors.canonicalize.rules import AGENT, qualified
from beacon_core.processors.canonicalize.schema import Schema
from beacon_core.processors.canonicalize.settings import Settings
from beacon_core.processors.canonicalize.table_file import SIGNALS, Derivation, Rule
from beacon_core.processors.canonicalize.values import ABSENT, MISFIT

_LONGEST_NAME = 256  # characters; names come from outside and are kept
_MOST_NAMES = 4096


class _Item(NamedTuple):
    """A rule with the names that it is about, without the prefix."""

    rule: Rule
    names: frozenset[str]
    patterns: tuple[list[str], ...]
    step: Step

    def is_about(self, signal: str, full: str, short: str) -> bool:
        if signal not in self.rule.signals:
            return False
        return (
            not self.rule.events
            or short in self.names
            or full in self.names
            or any(fits(full, pattern) or fits(short, pattern) for pattern in self.patterns)
        )


class AgentPlans:
    """The plans for the events of one agent. Any thread.

    Args:
        schema: the normalized event.
        settings: what the processor's options say.
        fields: what becomes of attributes.
        prefix: what the names of log events begin with, or leave out.
        rules: in order.
        source: what all events of one source have.
        unnamed: the signals whose events are noise where no rule names them.
    """

    def __init__(
        self,
        schema: Schema,
        settings: Settings,
        fields: Fields,
        *,
        prefix: str,
        rules: Sequence[Rule],
        source: Sequence[Derivation],
        unnamed: frozenset[str],
    ) -> None:
        self._schema = schema
        self._settings = settings
        self._fields = fields
        self._prefix = prefix
        self._items = [self._item(rule) for rule in rules]
        self._source = [self._derived(each) for each in source if not each.constant]
        self._constants = self._constant(source)
        self._unnamed = unnamed
        self._names_logs = any(rule.events and "log" in rule.signals for rule in rules)
        self._by_name: dict[str, dict[str, Plan]] = {signal: {} for signal in SIGNALS}
        self._by_items: dict[tuple[str, tuple[int, ...]], Plan] = {}

    def apply(self, event: Event, template: Attributes) -> Event | None:
        """Return the normalized event, None if it is noise."""
        name = event.name
        if event.signal == "log":
            said = event.attributes.get("event.name")
            name = said if isinstance(said, str) and said else name or qualified(event.body)
            short = name.removeprefix(self._prefix)
        else:
            short = ""
        plan = self._by_name[event.signal].get(name)
        if plan is None:
            plan = self._find(event.signal, name)
        return plan.apply(event, template, short)

    def template(self, event: Event, agent: str) -> Attributes:
        """Return what all events with the same resource, scope and signal as this one have."""
        schema = self._schema
        template: Attributes = {
            "beacon.schema.version": schema.version,
            "beacon.event.kind": schema.kind,
            AGENT: agent,
            "beacon.source": schema.sources[event.signal],
            **self._constants,
        }
        record = Record(event, {}, {}, self._settings)
        for target, read, _, fit, _, _ in self._source:
            value = read(record)
            new = fit(value) if fit is not None and value is not None else value
            if isinstance(new, str | int | float):
                template[target] = new
        return template

    def _find(self, signal: str, name: str) -> Plan:
        short = name.removeprefix(self._prefix)
        found = tuple(n for n, item in enumerate(self._items) if item.is_about(signal, name, short))
        plan = self._by_items.get((signal, found))
        if plan is None:
            plan = self._by_items[(signal, found)] = self._plan(signal, [self._items[n] for n in found])
        plans = self._by_name[signal]
        if len(name) <= _LONGEST_NAME and len(plans) < _MOST_NAMES:
            plans[name] = plan
            if signal == "log" and name and not any(self._items[n].rule.events for n in found):
                self._note_unknown(name)
        return plan

    def _note_unknown(self, name: str) -> None:
        """Tell the first event of a name that no line has, of an agent whose events have names that are known."""
        if self._names_logs and "log" not in self._unnamed and self._settings.unknown is not None:
            self._settings.unknown(name)

    def _plan(self, signal: str, items: Sequence[_Item]) -> Plan:
        noise: list[_Item] = []
        for item in items:
            if item.rule.noise is True:
                noise.append(item)
            elif item.rule.noise is False:
                noise.clear()
        conditions = [item.step.condition for item in noise]
        if signal in self._unnamed and not any(item.rule.events for item in items):
            conditions = [None]
        steps = [item.step for item in items if item.rule.noise is None]
        return Plan(self._schema, self._settings, self._fields, noise=conditions, steps=steps, signal=signal)

    def _item(self, rule: Rule) -> _Item:
        short = [name.removeprefix(self._prefix) for name in rule.events]
        step = Step(
            compile_condition(rule.written),
            rule.action,
            rule.severity,
            self._constant(rule.fields),
            tuple(self._derived(each) for each in rule.fields if not each.constant),
            rule.takes,
            value_tests(rule.written),
            {name: compile_condition(_without(rule.written, name)) for name in rule.written.get("when", {})},
        )
        return _Item(rule, frozenset(short), tuple(name.split("*") for name in short if "*" in name), step)

    def _constant(self, fields: Sequence[Derivation]) -> Attributes:
        constants = {each.target: self._fitted(each) for each in fields if each.constant}
        return {target: value for target, value in constants.items() if value is not ABSENT and value is not MISFIT}

    def _fitted(self, each: Derivation) -> Any:
        fit = self._fields.fit(each.target)
        return fit(each.written) if fit is not None else each.written

    def _derived(self, each: Derivation) -> Derived:
        expression = compile_expression(each.written)
        names = tuple(name for name in expression.names if name not in self._schema.names)  # these are never raw
        finished, fit = self._fields.finished(each.target), self._fields.fit(each.target)
        return Derived(each.target, expression.read, finished, fit, names, expression.members)


def _without(written: Mapping[str, Any], name: str) -> dict[str, Any]:
    when = {key: value for key, value in written["when"].items() if key != name}
    return {**written, "when": when}
