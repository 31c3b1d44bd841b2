"""Rewrites the events of one batch, once it is known what becomes of each of their texts."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import msgspec

from beacon_core.event import Attributes, AttributeValue, Batch, Event, Scope
from beacon_core.processors.sanitize.actions import SUMMARY, TRUNCATED
from beacon_core.processors.sanitize.collect import Found
from beacon_core.processors.sanitize.detectors import Redacted
from beacon_core.processors.sanitize.keys import Keys
from beacon_core.processors.sanitize.walk import Rewriter


class BatchRewriter:
    """Rewrites events; a resource or scope that several events share is rewritten once and stays shared.

    Personal data is counted in `total` only and not in the summary attribute: some agents put it into every event
    (`user.email`), and `~` or `[REDACTED:email]` says enough.

    Args:
        changes: the texts that change.
        keys: what becomes of a value because of its name.
        personal: ids of the rules that the summary leaves out.
        found: what stands in the batch, and where.

    Attributes:
        total: how often each rule changed something in the batch.
    """

    def __init__(self, changes: dict[str, Redacted], keys: Keys, personal: frozenset[str], found: Found) -> None:
        self._changes = changes
        self._keys = keys
        self._personal = personal
        self._found = found
        self._shapes: dict[tuple[str, ...], bool] = {}
        self.total: dict[str, int] = {}

    def events(self, batch: Batch) -> list[Event]:
        """Return the events of the batch without secrets; those that hold none are the same objects."""
        events = list(batch.events)
        walks = set(self._found.walks) | self._dropping()
        members = {place: self._walk(events[place]) for place in sorted(walks)}
        edits = self._edited(events, walks)
        self._add_heads(events, edits, members, walks)
        if self._found.shared:
            self._add_shared(events, members)
        replace = msgspec.structs.replace
        for place, attributes in edits.items():
            events[place] = replace(events[place], attributes=attributes)
        for place, changed in members.items():
            if changed:
                events[place] = replace(events[place], **changed)
        return events

    def _dropping(self) -> set[int]:
        """Return where events are that something is left out of, which takes a look at the whole event."""
        if not self._keys.actions.drops:
            return set()
        drops = {text for text, change in self._changes.items() if change.drop}
        return {place for place, _, text in (*self._found.places, *self._found.heads) if text in drops}

    def _edited(self, events: list[Event], walks: Container[int]) -> dict[int, Attributes]:
        """Return copies of attributes with the new texts, and what is to be said about them, in them."""
        edits, where = self._found.edits(events, self._changes, walks)
        for text, places in where.items():
            hit = self._changes[text]
            self._count(hit, len(places))
            if hit.cut or not self._personal.issuperset(hit.counts):
                secrets = self._secrets(hit)
                for place in places:
                    _note(edits[place], secrets, cut=hit.cut)
        return edits

    def _add_heads(
        self,
        events: list[Event],
        edits: dict[int, Attributes],
        members: dict[int, dict[str, Any]],
        walks: Container[int],
    ) -> None:
        """Add names, severities and bodies that change."""
        for place, member, text in self._found.heads:
            hit = self._changes.get(text)
            if hit is not None and place not in walks:
                members.setdefault(place, {})[member] = hit.text
                edits[place] = self._summarize(edits.get(place, events[place].attributes), (hit,))

    def _add_shared(self, events: list[Event], members: dict[int, dict[str, Any]]) -> None:
        """Add resources and scopes that change."""
        shared = {
            key: self._scope(each) if isinstance(each, Scope) else self._resource(each)
            for key, each in self._found.shared.items()
        }
        for place, event in enumerate(events):
            for member, before in (("resource", event.resource), ("scope", event.scope)):
                after = shared.get(id(before), before)
                if after is not before:
                    members.setdefault(place, {})[member] = after

    def _walk(self, event: Event) -> dict[str, Any]:
        rewriter = Rewriter(self._changes.get, self._keys, self._shapes)
        members = rewriter.members(event)
        if members:
            attributes = members.get("attributes", event.attributes)
            members["attributes"] = self._summarize(attributes, (rewriter,))
        return members

    def _resource(self, resource: Attributes) -> Attributes:
        rewriter = Rewriter(self._changes.get, self._keys, self._shapes)
        done = rewriter.mapping(resource)
        return resource if done is resource else self._summarize(done, (rewriter,))

    def _scope(self, scope: Scope) -> Scope:
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
            self._count(hit, 1)
            for rule_id, count in self._secrets(hit).items():
                secrets[rule_id] = secrets.get(rule_id, 0) + count
        noted = attributes.copy()
        _note(noted, secrets, cut=any(hit.cut for hit in hits))
        return noted

    def _count(self, hit: Redacted | Rewriter, times: int) -> None:
        """Add what rules have found to the counts."""
        total = self.total
        for rule_id, count in hit.counts.items():
            total[rule_id] = total.get(rule_id, 0) + count * times

    def _secrets(self, hit: Redacted | Rewriter) -> dict[str, int]:
        """Return those finds that are no personal data."""
        return {rule_id: count for rule_id, count in hit.counts.items() if rule_id not in self._personal}


def _note(attributes: Attributes, secrets: Mapping[str, int], *, cut: bool) -> None:
    """Add the attributes that say what was changed."""
    if cut:
        attributes[TRUNCATED] = True
    if secrets:
        attributes[SUMMARY] = _sum(attributes.get(SUMMARY), secrets)


def _sum(before: AttributeValue, counts: Mapping[str, int]) -> AttributeValue:
    """Return a summary that includes what an earlier pass, or another Beacon, has counted."""
    if not isinstance(before, dict):
        return dict(counts)
    total: Attributes = dict(before)
    for rule_id, count in counts.items():
        earlier = total.get(rule_id)
        total[rule_id] = count + (earlier if isinstance(earlier, int) else 0)
    return total
