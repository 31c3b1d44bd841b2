"""What is done to the events of one kind: one pass over their attributes, then the rules about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from beacon_core.event import Attributes, Event
from beacon_core.processors.canonicalize.conditions import Condition
from beacon_core.processors.canonicalize.expressions import Read
from beacon_core.processors.canonicalize.originals import originals
from beacon_core.processors.canonicalize.record import Made, Record
from beacon_core.processors.canonicalize.rules import ACTION, SOURCE_EVENT
from beacon_core.processors.canonicalize.schema import SEVERITIES, Schema
from beacon_core.processors.canonicalize.settings import Settings
from beacon_core.processors.canonicalize.values import ABSENT, MISFIT, ValueRule

OUTCOME: Final = "beacon.outcome"
RAW: Final = "beacon.raw"
CATEGORY: Final = "beacon.event.category"

_LONGEST_NAME = 256  # characters; names come from outside and are kept
_MOST_NAMES = 4096

Fit: TypeAlias = Callable[[Any], Any]


class Field(NamedTuple):
    """What becomes of an attribute of the source.

    Attributes:
        target: its canonical name, empty if it goes to `beacon.raw`.
        finished: the type of values that need no change; None if there is none.
        fit: what is done to other values, None if nothing.
        copied: left out where the resource says the same.
    """

    target: str
    finished: type | None
    fit: Fit | None
    copied: bool


class Derived(NamedTuple):
    """An attribute that a rule makes."""

    target: str
    read: Read
    finished: type | None
    fit: Fit | None
    names: tuple[str, ...]
    members: tuple[tuple[str, str], ...]


class Step(NamedTuple):
    """A rule, compiled.

    Attributes:
        tests: what `when` says about the texts of attributes, by name.
        without: the condition without what `when` says about one of them, by name.
    """

    condition: Condition | None
    action: str
    severity: str
    constants: Attributes
    derived: tuple[Derived, ...]
    takes: tuple[str, ...]
    tests: Mapping[str, Callable[[str], bool]] = {}
    without: Mapping[str, Condition | None] = {}

    def writes(self, name: str) -> bool:
        """Return whether the rule may change an attribute."""
        return name in self.constants or name in self.takes or any(each.target == name for each in self.derived)


class Fields:
    """What becomes of the source's attributes of one agent; remembers what it worked out about unknown names.

    Args:
        schema: the canonical names.
        renames: alias -> canonical name, the preferred first.
        values: what is done to values, by canonical name.
    """

    def __init__(self, schema: Schema, renames: Mapping[str, str], values: Mapping[str, ValueRule]) -> None:
        self._schema = schema
        self._values = values
        self.aliases: dict[str, list[str]] = {}
        for alias, canonical in renames.items():
            self.aliases.setdefault(canonical, []).append(alias)
        self.known: dict[str, Field] = {name: self._canonical(name, copied=False) for name in (*schema.names, *values)}
        self.known |= {name: self._canonical(name, copied=False) for name in self.aliases}
        self.known |= {alias: self._canonical(canonical, copied=False) for alias, canonical in renames.items()}

    def learn(self, name: str) -> Field:
        """Return what becomes of an attribute that no table names."""
        kind, _ = self._schema.type_of(name)
        target = name if self._schema.is_kept(name) else ""
        field = Field(target, None, self._schema.fit(kind) if kind else None, copied=True)
        if len(name) <= _LONGEST_NAME and len(self.known) < _MOST_NAMES:
            self.known[name] = field
        return field

    def fit(self, target: str) -> Fit | None:
        """Return what is done to a value that a rule gives to an attribute."""
        rule = self._values.get(target)
        return rule.fit if rule is not None else None

    def finished(self, target: str) -> type | None:
        """Return the type of values that an attribute can have as they are."""
        rule = self._values.get(target)
        return rule.finished if rule is not None else None

    def _canonical(self, name: str, *, copied: bool) -> Field:
        rule = self._values.get(name)
        return Field(name, rule.finished, rule.fit, copied) if rule is not None else Field(name, None, None, copied)


class Plan:
    """Makes normalized events of one kind: of one agent, signal and name. Any thread.

    Args:
        schema: the normalized event.
        settings: what the processor's options say.
        fields: what becomes of attributes.
        noise: conditions of which one is enough to leave an event out.
        steps: the rules, in order; the action of a later one wins.
        signal: of the events.
    """

    def __init__(
        self,
        schema: Schema,
        settings: Settings,
        fields: Fields,
        *,
        noise: Sequence[Condition | None],
        steps: Sequence[Step],
        signal: str,
    ) -> None:
        self._schema = schema
        self._settings = settings
        self._fields = fields
        self._noise = () if settings.keep_noise else tuple(noise)
        self._steps = tuple(steps)
        self._action = schema.actions[signal]
        #: The attribute that most rules ask for: rules that do not want its value are not even looked at.
        self._chooser, self._choosing = _chooser(self._steps)
        self._chosen: dict[str, tuple[Step, ...]] = {}
        self._ends: dict[tuple[str, object], tuple[str, str]] = {}  # action, outcome -> category, severity

    def apply(self, event: Event, template: Attributes, source_event: str) -> Event | None:
        """Return the normalized event, None if it is noise.

        Args:
            event: an event of this kind that has not been normalized.
            template: what every event of its source has; laid under its own.
            source_event: what its source calls it, empty if nothing.
        """
        if not event.attributes and not self._settings.keep_noise and _is_empty(event):
            return None
        if self._noise:
            unread = Record(event, {}, event.attributes, self._settings)  # conditions only read
            if any(condition is None or condition(unread) for condition in self._noise):
                return None
        out, raw = self._sorted(event)
        given = out.get(ACTION)
        record = Record(event, out, raw, self._settings)
        out[ACTION] = self._action
        if event.span is not None and event.span.status_code == "error":
            out[OUTCOME], record.severity = "failure", "ERROR"
        self._run(record)
        if isinstance(given, str) and given:
            out[ACTION] = given
        if source_event:
            out[SOURCE_EVENT] = source_event
        return self._finished(record, template)

    def _sorted(self, event: Event) -> tuple[Attributes, Attributes]:  # noqa: C901 - one loop for speed
        """Return the attributes that have canonical names now, and those that have none."""
        out: Attributes = {}
        raw: Attributes = {}
        doubled: list[str] | None = None
        known, learn, resource = self._fields.known, self._fields.learn, event.resource
        for key, value in event.attributes.items():
            if value is None:  # a value object with nothing in it
                continue
            try:
                target, finished, fit, copied = known[key]
            except KeyError:
                target, finished, fit, copied = learn(key)
            if copied and key in resource and resource[key] == value:
                continue
            if fit is not None and type(value) is not finished:
                new = fit(value)
                if new is ABSENT:
                    continue
                if new is MISFIT:
                    raw[key] = value
                    continue
                value = new  # noqa: PLW2901 - the value from here on
            if not target:
                raw[key] = value
            elif target in out:
                if out[target] == value:
                    continue
                doubled = [*(doubled or ()), target]
            else:
                out[target] = value
        for target in doubled or ():
            self._settle(target, event.attributes, out, raw)
        return out, raw

    def _settle(self, target: str, attributes: Attributes, out: Attributes, raw: Attributes) -> None:
        """Choose between several attributes that mean the same; those that say something else go to `raw`."""
        fit = self._fields.fit(target)
        chosen = None
        for name in (target, *self._fields.aliases.get(target, ())):
            value = attributes.get(name)
            new = fit(value) if fit is not None and value is not None else value
            if new is None or new is ABSENT or new is MISFIT:
                continue
            if chosen is None:
                chosen = out[target] = new
            elif new != chosen:
                raw[name] = value

    def _run(self, record: Record) -> None:
        out = record.out
        for condition, action, severity, constants, derived, takes, _, _ in self._steps_for(out):
            if condition is not None and not condition(record):
                continue
            if constants:
                out.update(constants)
            if derived:
                _derive(derived, record)
            for name in takes:
                record.raw.pop(name, None)
                out.pop(name, None)
            if action:
                out[ACTION] = action
            if severity:
                record.severity = severity

    def _steps_for(self, out: Attributes) -> tuple[Step, ...]:
        if not self._chooser:
            return self._steps
        value = out.get(self._chooser)
        if not isinstance(value, str):
            return self._steps
        steps = self._chosen.get(value)
        if steps is None:
            steps = self._narrowed(value)
            if len(value) <= _LONGEST_NAME and len(self._chosen) < _MOST_NAMES:
                self._chosen[value] = steps
        return steps

    def _narrowed(self, value: str) -> tuple[Step, ...]:
        """Return the steps that an event with this value of the chooser needs, without their tests of it."""
        steps: list[Step] = []
        for step in self._steps[: self._choosing]:
            test = step.tests.get(self._chooser)
            if test is None:
                steps.append(step)
            elif test(value):
                steps.append(step._replace(condition=step.without[self._chooser]))
        return (*steps, *self._steps[self._choosing :])

    def _finished(self, record: Record, template: Attributes) -> Event:
        event, out, raw = record.event, record.out, record.raw
        number, text = event.severity_number, event.severity_text
        action = out[ACTION]
        category, word = self._end(str(action), out.get(OUTCOME))
        out[CATEGORY] = category
        if not number:
            word = record.severity or word
            number = SEVERITIES.get(text.upper()) or SEVERITIES[word]
            text = text or word
        record.leave_rest()
        if raw and self._settings.keep_raw:
            before = out.get(RAW)
            out[RAW] = {**before, **raw} if isinstance(before, dict) else raw
        if record.corrections and self._settings.correct is not None:
            self._settings.correct(record.corrections)
        attributes = {**template, **out}
        if record.made is not None:
            attributes |= originals(record, record.made, self._target_of)
        return msgspec.structs.replace(
            event,
            name=str(action) if event.signal == "log" else event.name,
            severity_number=number,
            severity_text=text,
            attributes=attributes,
        )

    def _target_of(self, name: str) -> str:
        return (self._fields.known.get(name) or self._fields.learn(name)).target

    def _end(self, action: str, outcome: object) -> tuple[str, str]:
        failed = outcome == "failure"
        found = self._ends.get((action, failed))
        if found is None:
            found = self._schema.category(action), self._schema.severity(action, outcome)
            if len(action) <= _LONGEST_NAME and len(self._ends) < _MOST_NAMES:
                self._ends[(action, failed)] = found
        return found


def _chooser(steps: Sequence[Step]) -> tuple[str, int]:
    """Return the attribute that most steps test before a step changes it, and how many steps there are until then."""
    best, most, until = "", 1, 0
    for name in dict.fromkeys(name for step in steps for name in step.tests):
        end = next((at for at, step in enumerate(steps) if step.writes(name)), len(steps) - 1) + 1
        count = sum(name in step.tests for step in steps[:end])
        if count > most:
            best, most, until = name, count, end
    return best, until


def _is_empty(event: Event) -> bool:
    """Return whether a log record has neither name nor body (and no attributes: the caller has looked)."""
    body = event.body.strip() if isinstance(event.body, str) else event.body
    return event.signal == "log" and not event.name and body in (None, "", [], {})


def _derive(derived: tuple[Derived, ...], record: Record) -> None:  # noqa: C901 - one loop for speed
    """Give attributes the values of expressions that have one, then note what these expressions have used."""
    done = []
    for target, read, finished, fit, names, members in derived:
        value = read(record)
        if value is None or not isinstance(value, str | int | float):
            continue
        new = fit(value) if fit is not None and type(value) is not finished else value
        if new is MISFIT:
            continue
        if new is not ABSENT:
            record.out[target] = new
        if record.made is not None:
            record.made.append(Made(target, value, names, members))
        if members:
            record.taken.append(members)
        if names:
            done.append((value, names))
    for value, names in done:
        _take(value, names, record.raw)


def _take(value: object, names: tuple[str, ...], raw: Attributes) -> None:
    """Remove what an expression has used; of several texts only copies of the one that it took."""
    for name in names:
        left = raw.get(name)
        if left is not None and (len(names) == 1 or left == value or not isinstance(left, str)):
            del raw[name]
