"""The processor itself: looks at each distinct text of a batch once and rewrites the events that hold a find."""

from __future__ import annotations

import os
from functools import partial
from typing import cast

from beacon_core.component import Host
from beacon_core.config import ComponentConfig
from beacon_core.event import Batch, Event
from beacon_core.processor import Processor
from beacon_core.processors.sanitize.batch import BatchRewriter
from beacon_core.processors.sanitize.collect import Pool
from beacon_core.processors.sanitize.config import SanitizeConfig
from beacon_core.processors.sanitize.known import KnownValues, secret_variables
from beacon_core.processors.sanitize.limits import SHORT, fit
from beacon_core.processors.sanitize.rules import built_in_rules, select
from beacon_core.processors.sanitize.text import Redacted, TextRedactor

_BYTES_PER_CHARACTER = 4  # at most, in UTF-8
_OTHER_TEXTS = 16  # more than an event has beside its attributes, with room for numbers


class SanitizeProcessor(Processor):
    """Removes secrets and personal data from everything textual of events, then cuts what is too long.

    Counts `redacted` by rule. Raises whatever goes wrong: the core drops the event then (promise P2).
    """

    config_class = SanitizeConfig

    def __init__(self, config: ComponentConfig) -> None:
        super().__init__(config)
        self._options = cast("SanitizeConfig", config)
        self._known = KnownValues()
        self._redactor: TextRedactor | None = None

    def start(self, host: Host) -> None:
        super().start(host)
        self._known = self._known.with_values([*secret_variables(os.environ), *host.secrets])
        self._redactor = self._new_redactor()

    def process(self, batch: Batch) -> Batch:
        redactor = self._redactor or self._new_redactor()
        pool = Pool(batch)
        changes = self._changes(redactor, pool.texts)
        rewriter = BatchRewriter(changes, redactor.sensitive, redactor.personal, pool)
        events = self._fit(redactor, pool, changes, rewriter.events(batch))
        for rule_id, count in rewriter.total.items():
            self.host.count("redacted", count, reason=rule_id)
        same = all(new is old for new, old in zip(events, batch.events, strict=True))
        return batch if same else batch.with_events(events)

    def _new_redactor(self) -> TextRedactor:
        return make_redactor(self._options, self._known)

    def _changes(self, redactor: TextRedactor, texts: list[str]) -> dict[str, Redacted]:
        """Return what becomes of the texts that change: redacted first, cut then."""
        changes = redactor.redact_all(texts)
        limit = self._options.max_string_length
        long = [text for text in texts if len(text) > limit]
        long += [text for text, change in changes.items() if len(change.text) > limit >= len(text)]
        for text in long:
            changes[text] = redactor.cut(changes.get(text) or Redacted(text, {}), limit)
        return changes

    def _fit(
        self, redactor: TextRedactor, pool: Pool, changes: dict[str, Redacted], events: list[Event]
    ) -> list[Event]:
        """Return the events within `max_event_bytes`; their size is only measured where it can be too much."""
        limit = self._options.max_event_bytes
        lengths = [*map(len, pool.texts), *(len(change.text) for change in changes.values())]
        longest = _BYTES_PER_CHARACTER * min(self._options.max_string_length, max(lengths, default=0))
        most = (limit // max(longest, 1) - _OTHER_TEXTS) // 2  # attributes that are too few for the limit
        rows = [place for place in pool.rows if place not in pool.flat or len(events[place].attributes) >= most]
        wide = [place for columns in pool.columns if len(columns.keys) >= most for place in columns.places]
        for place in (*rows, *wide):
            events[place] = fit(events[place], limit, partial(_shorten, redactor))
        return events


def make_redactor(options: SanitizeConfig, known: KnownValues) -> TextRedactor:
    """Return what redacts texts as the options say."""
    return TextRedactor(select(built_in_rules(options.packs), options.personal), known, options.max_depth)


def _shorten(redactor: TextRedactor, text: str) -> Redacted | None:
    return redactor.cut(Redacted(text, {}), SHORT) if len(text) > SHORT else None
