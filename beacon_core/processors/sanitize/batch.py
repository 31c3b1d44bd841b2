"""Rewrites the events of one batch, once it is known what becomes of each of their texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from beacon_core.event import Attributes, AttributeValue, Batch, Event, Scope
from beacon_core.processors.sanitize.actions import SUMMARY, TRUNCATED
from beacon_core.processors.sanitize.collect import Columns, Pool
from beacon_core.processors.sanitize.keys import Keys
from beacon_core.processors.sanitize.text import Redacted
from beacon_core.processors.sanitize.walk import Rewriter


class BatchRewriter:
    """Rewrites events; a resource or scope that several events share is rewritten once and stays shared.

    Personal data is counted in `total` only and not in the summary attribute: some agents put it into every event
    (`user.email`), and `~` or `[REDACTED:email]` says enough.

    Args:
        changes: the texts that change.
        keys: what becomes of a value because of its name.
        personal: ids of the rules that the summary leaves out.
        pool: what the batch consists of.

    Attributes:
        total: how often each rule changed something in the batch.
    """

    def __init__(self, changes: Mapping[str, Redacted], keys: Keys, personal: frozenset[str], pool: Pool) -> None:
        self._changes = changes
        self._keys = keys
        self._personal = personal
        self._pool = pool
        self._special = {key for key in pool.keys if key in changes or keys.rule(key)}
        # to leave something out takes a look at each event
        self._drops = bool(keys.actions.drops) and any(change.drop for change in changes.values())
        self._shapes: dict[tuple[str, ...], bool] = {}
        self.total: dict[str, int] = {}

    def events(self, batch: Batch) -> list[Event]:
        """Return the events of the batch without secrets; those that hold none are the same objects."""
        events = list(batch.events)
        members: dict[int, dict[str, Any]] = {place: self._row(events[place], place) for place in self._pool.rows}
        for columns in self._pool.columns:
            self._add_columns(columns, events, members)
        self._add_shared(events, members)
        replace = msgspec.structs.replace
        for place, changed in members.items():
            if changed:
                events[place] = replace(events[place], **changed)
        return events

    def _row(self, event: Event, place: int) -> dict[str, Any]:
        """Return the members of an event that change, those aside that it shares with others."""
        flat = place in self._pool.flat and not self._drops and self._special.isdisjoint(event.attributes)
        return self._look_up(event) if flat else self._walk(event)

    def _add_columns(self, columns: Columns, events: list[Event], members: dict[int, dict[str, Any]]) -> None:
        """Add the members that change of events of one shape."""
        changed = self._changes.keys()  # `isdisjoint` of a set would go through all of them, for every column
        if self._drops or not self._special.isdisjoint(columns.keys):
            members.update((place, self._walk(events[place])) for place in columns.places)
            return
        hits: list[tuple[int, Redacted]] = []
        positions = [position for position, texts in columns.texts.items() if not changed.isdisjoint(texts)]
        constant = [position for position in positions if _is_constant(columns.columns[position])]
        edits = self._edit_constants(columns, constant, events, hits) if constant else {}
        for position in positions:
            if position not in constant:
                self._edit(columns, position, events, edits, hits)
        self._summarize_columns(edits, hits)
        for place, attributes in edits.items():
            members[place] = {"attributes": attributes}
        if not changed.isdisjoint(columns.heads):
            for place in columns.places:
                self._add_heads(events[place], members.setdefault(place, {}))

    def _edit_constants(
        self, columns: Columns, positions: Sequence[int], events: list[Event], hits: list[tuple[int, Redacted]]
    ) -> dict[int, Attributes]:
        """Return copies of the attributes with what becomes of columns that hold one text only."""
        new: Attributes = {}
        for position in positions:
            hit = self._changes[columns.columns[position][0]]
            new[columns.keys[position]] = hit.text
            if hit.cut or not self._personal >= hit.counts.keys():
                hits += [(place, hit) for place in columns.places]
            else:
                self._count(hit, len(columns.places))
        return {place: {**events[place].attributes, **new} for place in columns.places}

    def _edit(
        self,
        columns: Columns,
        position: int,
        events: list[Event],
        edits: dict[int, Attributes],
        hits: list[tuple[int, Redacted]],
    ) -> None:
        """Put the new texts of a column into copies of the attributes, and note what is to be summed up for them."""
        key = columns.keys[position]
        for place, hit in zip(columns.places, map(self._changes.get, columns.columns[position]), strict=True):
            if hit is not None:
                attributes = edits.get(place)
                if attributes is None:
                    attributes = edits[place] = events[place].attributes.copy()
                attributes[key] = hit.text
                hits.append((place, hit))

    def _summarize_columns(self, edits: dict[int, Attributes], hits: Sequence[tuple[int, Redacted]]) -> None:
        """Add to the counts, and to the copied attributes; many hits are the same change, which is looked at once."""
        by_identity = {id(hit): hit for _, hit in hits}
        times = Counter([id(hit) for _, hit in hits])
        noted: dict[int, dict[str, int]] = {}
        for identity, hit in by_identity.items():
            secrets = self._count(hit, times[identity])
            if secrets or hit.cut:
                noted[identity] = secrets
        for place, hit in hits if noted else ():
            if id(hit) in noted:
                edits[place].update(_note(edits[place], noted[id(hit)], cut=hit.cut))

    def _add_heads(self, event: Event, members: dict[str, Any]) -> None:
        """Add the name, severity and body of an event to its members that change."""
        hits: list[Redacted] = []
        for member, text in (("name", event.name), ("severity_text", event.severity_text), ("body", event.body)):
            if text in self._changes:
                members[member] = self._hit(text, hits)
        if hits:
            members["attributes"] = self._summarize(members.get("attributes", event.attributes), hits)

    def _add_shared(self, events: list[Event], members: dict[int, dict[str, Any]]) -> None:
        """Add resources and scopes that change."""
        resources = {key: self._resource(resource) for key, resource in self._pool.resources.items()}
        scopes = {key: self._scope(scope) for key, scope in self._pool.scopes.items()}
        same = all(new is self._pool.resources[key] for key, new in resources.items())
        if same and all(new is self._pool.scopes[key] for key, new in scopes.items()):
            return
        for place, event in enumerate(events):
            resource, scope = resources[id(event.resource)], scopes[id(event.scope)]
            if resource is not event.resource:
                members.setdefault(place, {})["resource"] = resource
            if scope is not event.scope:
                members.setdefault(place, {})["scope"] = scope

    def _look_up(self, event: Event) -> dict[str, Any]:
        changes, attributes = self._changes, event.attributes
        members: dict[str, Any] = {}
        hits: list[Redacted] = []
        for member, text in (("name", event.name), ("severity_text", event.severity_text), ("body", event.body)):
            if text in changes:
                members[member] = self._hit(text, hits)
        if not changes.keys().isdisjoint(attributes.values()):
            attributes = {
                key: self._hit(value, hits) if value in changes else value for key, value in attributes.items()
            }
        if hits:
            members["attributes"] = self._summarize(attributes, hits)
        return members

    def _hit(self, text: Any, hits: list[Redacted]) -> str:
        hit = self._changes[text]
        hits.append(hit)
        return hit.text

    def _walk(self, event: Event) -> dict[str, Any]:
        rewriter = Rewriter(self._changes.get, self._keys, self._shapes)
        members = rewriter.members(event)
        if members:
            attributes = members.get("attributes", event.attributes)
            members["attributes"] = self._summarize(attributes, (rewriter,))
        return members

    def _resource(self, resource: Attributes) -> Attributes:
        if self._is_plain(resource):
            return resource
        rewriter = Rewriter(self._changes.get, self._keys, self._shapes)
        done = rewriter.mapping(resource)
        return resource if done is resource else self._summarize(done, (rewriter,))

    def _is_plain(self, attributes: Attributes) -> bool:
        """Say if nothing in a map changes, as far as that is easily seen."""
        changed = self._changes.keys()
        try:
            same = changed.isdisjoint(attributes) and changed.isdisjoint(attributes.values())
        except TypeError:  # lists and maps
            return False
        return same and "value" not in attributes and not any(map(self._keys.rule, attributes))

    def _scope(self, scope: Scope | None) -> Scope | None:
        if scope is None:
            return None
        rewriter = Rewriter(self._changes.get, self._keys, self._shapes)
        members = rewriter.members(scope)
        if not members:
            return scope
        attributes = members.get("attributes", scope.attributes)
        members["attributes"] = self._summarize(attributes, (rewriter,))
        return msgspec.structs.replace(scope, **members)

    def _summarize(self, attributes: Attributes, hits: Sequence[Redacted | Rewriter]) -> Attributes:
        """Add to the counts, and to the attributes what they say about the changes."""
        secrets: dict[str, int] = {}
        for hit in hits:
            for rule_id, count in self._count(hit, 1).items():
                secrets[rule_id] = secrets.get(rule_id, 0) + count
        return {**attributes, **_note(attributes, secrets, cut=any(hit.cut for hit in hits))}

    def _count(self, hit: Redacted | Rewriter, times: int) -> dict[str, int]:
        """Add what rules have found to the counts; return those finds that are no personal data."""
        total = self.total
        for rule_id, count in hit.counts.items():
            total[rule_id] = total.get(rule_id, 0) + count * times
        return {rule_id: count for rule_id, count in hit.counts.items() if rule_id not in self._personal}


def _is_constant(column: tuple[Any, ...]) -> bool:
    return column.count(column[0]) == len(column)


def _note(attributes: Attributes, secrets: Mapping[str, int], *, cut: bool) -> Attributes:
    """Return the attributes that say what was changed."""
    added: Attributes = {TRUNCATED: True} if cut else {}
    if secrets:
        added[SUMMARY] = _sum(attributes.get(SUMMARY), secrets)
    return added


def _sum(before: AttributeValue, counts: Mapping[str, int]) -> AttributeValue:
    """Return a summary that includes what an earlier pass, or another Beacon, has counted."""
    if not isinstance(before, dict):
        return dict(counts)
    total: Attributes = dict(before)
    for rule_id, count in counts.items():
        earlier = total.get(rule_id)
        total[rule_id] = count + (earlier if isinstance(earlier, int) else 0)
    return total
