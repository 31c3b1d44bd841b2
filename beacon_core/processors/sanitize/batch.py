"""Rewrites the events of one batch, once it is known what becomes of each of their texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Any

import msgspec

from beacon_core.event import Attributes, AttributeValue, Event, Scope
from beacon_core.processors.sanitize.collect import Pool
from beacon_core.processors.sanitize.limits import TRUNCATED
from beacon_core.processors.sanitize.text import Redacted
from beacon_core.processors.sanitize.walk import Rewriter

#: Attribute of what was changed (of the event, its resource, its scope): how many secrets each rule removed there.
SUMMARY = "beacon.redacted"


class BatchRewriter:
    """Rewrites events; a resource or scope that several events share is rewritten once and stays shared.

    Personal data is counted in `total` only and not in the summary attribute: some agents put it into every event
    (`user.email`), and `~` or `[REDACTED:email]` says enough.

    Args:
        changes: the texts that change.
        sensitive: the keys under which a text is replaced whatever it is.
        personal: ids of the rules that the summary leaves out.
        pool: what the batch consists of.

    Attributes:
        total: how often each rule changed something in the batch.
    """

    def __init__(
        self, changes: Mapping[str, Redacted], sensitive: Container[str], personal: Collection[str], pool: Pool
    ) -> None:
        self._changes = changes
        self._sensitive = sensitive
        self._personal = personal
        self._special = {key for key in pool.keys if key in changes or key in sensitive}
        self._resources: dict[int, Attributes] = {}
        self._scopes: dict[int, Scope | None] = {}
        self.total: Counter[str] = Counter()

    def event(self, event: Event, flat: bool) -> Event:
        """Return an event without secrets, the same object if it holds none.

        Args:
            event: an event of the batch.
            flat: whether looking up its texts is enough, see `Pool`.
        """
        rewrite = self._look_up if flat and self._special.isdisjoint(event.attributes) else self._walk
        members = rewrite(event)
        resource, scope = self._resource(event.resource), self._scope(event.scope)
        if resource is not event.resource:
            members["resource"] = resource
        if scope is not event.scope:
            members["scope"] = scope
        return msgspec.structs.replace(event, **members) if members else event

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
            members["attributes"] = self._summarize(attributes, hits, any(hit.cut for hit in hits))
        return members

    def _hit(self, text: Any, hits: list[Redacted]) -> str:
        hit = self._changes[text]
        hits.append(hit)
        return hit.text

    def _walk(self, event: Event) -> dict[str, Any]:
        rewriter = Rewriter(self._changes.get, self._sensitive)
        members = rewriter.members(event)
        if members:
            attributes = members.get("attributes", event.attributes)
            members["attributes"] = self._summarize(attributes, (rewriter,), rewriter.cut)
        return members

    def _resource(self, resource: Attributes) -> Attributes:
        done = self._resources.get(id(resource))  # the batch keeps it alive, so its id stays its own
        if done is None:
            rewriter = Rewriter(self._changes.get, self._sensitive)
            done = rewriter.mapping(resource)
            if done is not resource:
                done = self._summarize(done, (rewriter,), rewriter.cut)
            self._resources[id(resource)] = done
        return done

    def _scope(self, scope: Scope | None) -> Scope | None:
        if scope is None:
            return None
        done = self._scopes.get(id(scope))
        if done is None:
            rewriter = Rewriter(self._changes.get, self._sensitive)
            members = rewriter.members(scope)
            if members:
                attributes = members.get("attributes", scope.attributes)
                members["attributes"] = self._summarize(attributes, (rewriter,), rewriter.cut)
            done = self._scopes[id(scope)] = msgspec.structs.replace(scope, **members) if members else scope
        return done

    def _summarize(self, attributes: Attributes, hits: Iterable[Redacted | Rewriter], cut: bool) -> Attributes:
        """Add to the counts, and to the attributes what they say about the changes."""
        counts: dict[str, int] = {}
        for hit in hits:
            for rule_id, count in hit.counts.items():
                counts[rule_id] = counts.get(rule_id, 0) + count
        for rule_id, count in counts.items():  # Counter.update costs more than everything else here
            self.total[rule_id] += count
        secrets = {rule_id: count for rule_id, count in counts.items() if rule_id not in self._personal}
        added: Attributes = {TRUNCATED: True} if cut else {}
        if secrets:
            added[SUMMARY] = _sum(attributes.get(SUMMARY), secrets)
        return {**attributes, **added} if added else attributes


def _sum(before: AttributeValue, counts: dict[str, int]) -> AttributeValue:
    """Return a summary that includes what an earlier pass, or another Beacon, has counted."""
    if not isinstance(before, dict):
        return dict(counts)
    total: Attributes = dict(before)
    for rule_id, count in counts.items():
        earlier = total.get(rule_id)
        total[rule_id] = count + (earlier if isinstance(earlier, int) else 0)
    return total
