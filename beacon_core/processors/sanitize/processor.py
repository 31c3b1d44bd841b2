"""The processor itself: looks at each distinct text of a batch once and rewrites the events that hold a find."""

from __future__ import annotations

import os
from functools import partial
from typing import cast

from beacon_core.component import Host
from beacon_core.config import ComponentConfig
from beacon_core.event import Batch, Event
from beacon_core.processor import Processor
from beacon_core.processors.sanitize.actions import Actions
from beacon_core.processors.sanitize.batch import BatchRewriter
from beacon_core.processors.sanitize.collect import Found, Looking
from beacon_core.processors.sanitize.config import SanitizeConfig
from beacon_core.processors.sanitize.detectors import Redacted
from beacon_core.processors.sanitize.known import KnownValues, secret_variables
from beacon_core.processors.sanitize.limits import SHORT, fit, fit_details
from beacon_core.processors.sanitize.making import load_rules, make_redactor, make_selection
from beacon_core.processors.sanitize.rules import RuleSet
from beacon_core.processors.sanitize.selection import NOT_ALLOWED, Selection
from beacon_core.processors.sanitize.text import TextRedactor


class SanitizeProcessor(Processor):
    """Removes secrets and personal data from everything textual of events, then cuts what is too long.

    Counts `redacted` by rule. Raises whatever goes wrong: the core drops the event then (promise P2).
    """

    config_class = SanitizeConfig

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config)
        self._options = cast("SanitizeConfig", config)
        self._known = KnownValues()
        self._loaded: tuple[RuleSet, Actions] | None = None
        self._redactor: TextRedactor | None = None
        self._selection: Selection | None = None
        full = self._options.content == "full"
        self._longest = self._options.max_event_bytes if full else self._options.max_string_length
        self._longest_detail = self._options.max_event_bytes if full else self._options.max_detail_length

    def validate(self) -> None:
        """Read the rules; `start` takes what was read here.

        Raises:
            ConfigurationError: a line for each problem, with `file:line:column` for those of rule files.
        """
        self._loaded = load_rules(self._options)

    def start(self, host: Host) -> None:
        super().start(host)
        self._known = self._known.with_values([*secret_variables(os.environ), *host.secrets])
        self._prepare()

    def process(self, batch: Batch) -> Batch:
        redactor = self._redactor or self._prepare()  # not started: without known values
        if self._selection is not None:
            batch, left_out = self._selection.apply(batch)
            self.host.count("redacted", left_out, reason=NOT_ALLOWED)
        found = self._looking.look(batch.events)
        changes = self._changes(redactor, found)
        rewriter = BatchRewriter(changes, redactor.keys, redactor.personal, found)
        events = self._fit(redactor, found, changes, rewriter.events(batch))
        for rule_id, count in rewriter.total.items():
            self.host.count("redacted", count, reason=rule_id)
        same = all(new is old for new, old in zip(events, batch.events, strict=True))
        return batch if same else batch.with_events(events)

    def _prepare(self) -> TextRedactor:
        """Make of the options what works with them."""
        self._selection = make_selection(self._options)
        self._redactor = make_redactor(self._options, self._known, self._loaded)
        self._looking = Looking(self._redactor, self._longest)
        return self._redactor

    def _changes(self, redactor: TextRedactor, found: Found) -> dict[str, Redacted]:
        """Return what becomes of the texts that change: redacted first, cut then."""
        changes = redactor.redact_found(found.hits)
        limit = self._longest
        long = [*found.texts, *(text for text, change in changes.items() if len(change.text) > limit >= len(text))]
        for text in long:
            changes[text] = redactor.cut(changes.get(text) or Redacted(text, {}), limit)
        return changes

    def _fit(
        self, redactor: TextRedactor, found: Found, changes: dict[str, Redacted], events: list[Event]
    ) -> list[Event]:
        """Return the events within their limits; they are only looked at where something can be too long."""
        longest = min(self._longest, max([found.longest, *[len(change.text) for change in changes.values()]]))
        if longest > self._longest_detail:
            events = fit_details(events, partial(_shorten, redactor, self._longest_detail))
        limit = self._options.max_event_bytes
        growth = max([1.0, *[len(change.text) / len(text) for text, change in changes.items()]])
        for place in {*found.walks, *found.heavy(limit, growth)}:
            events[place] = fit(events[place], limit, partial(_shorten, redactor, SHORT))
        return events


def _shorten(redactor: TextRedactor, limit: int, text: str) -> Redacted | None:
    return redactor.cut(Redacted(text, {}), limit) if len(text) > limit else None
