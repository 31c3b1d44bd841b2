"""Redacts one text: JSON by its structure, anything else by the rules, and what is encoded inside by decoding it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

import msgspec

from beacon_core.processors.sanitize.actions import Actions
from beacon_core.processors.sanitize.base64 import SHORTEST_RUN, decode, is_readable, may_be_base64
from beacon_core.processors.sanitize.detectors import BEFORE_JSON, Aside, Detectors, Redacted
from beacon_core.processors.sanitize.keys import SENSITIVE_KEY, Keys
from beacon_core.processors.sanitize.known import RULE_ID as KNOWN_VALUE
from beacon_core.processors.sanitize.known import KnownValues
from beacon_core.processors.sanitize.rules import Kind, Rule, RuleSet, marker
from beacon_core.processors.sanitize.search import ENGINES, EngineMaker, Hits, KeywordSearch
from beacon_core.processors.sanitize.walk import Rewriter, texts

#: What is left at the end of a text that was cut.
CUT = "[TRUNCATED]"
#: The rule of texts that are replaced whole: `_MOST_PASSES` times a secret that was removed uncovered another.
RESTLESS = "restless"

_MOST_PASSES = 8
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_PERCENT_RUN = re.compile(r"(?:%[0-9A-Fa-f]{2})++")
_UNICODE_ESCAPE = re.compile(r"\\{1,8}u(00[2-7][0-9A-Fa-f])")
_ENCODED_WORD = re.compile(r"[^\s\"'<>`\\]+")
_RESERVED = "!#$&'()*+,/:;=?@[]~%\"<>{}|\\^`"
_BASE64_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{SHORTEST_RUN},}}={{0,2}}")
# Pseudo-keywords: what they show is that something is encoded.
_ESCAPES = ("\\u", "\\/", "%")
_SECRET_KINDS: tuple[Kind, ...] = ("vendor", "credential")
_MARKER_AT_END = re.compile(r"\[[A-Z]{0,9}:?[a-z0-9-]{0,64}\Z")


class TextRedactor:
    """Redacts texts; any thread.

    Args:
        rules: in the order in which they are applied.
        known: values that are removed wherever they occur.
        max_depth: how many layers of encoding inside a text are taken apart.
        actions: what is done with finds.
        engines: what searches for keywords, the first one that is installed; the result is the same.
    """

    def __init__(
        self,
        rules: RuleSet,
        known: KnownValues,
        max_depth: int,
        *,
        actions: Actions | None = None,
        engines: Sequence[EngineMaker] = ENGINES,
    ) -> None:
        self._rules = rules.rules
        self._known = known
        self._max_depth = max_depth
        self._actions = actions or Actions()
        #: What is done with values because of the names they stand under.
        self.keys = Keys(rules.names, self._actions)
        self._known_marker = self._actions.by_rule(KNOWN_VALUE) or (lambda _value: marker(KNOWN_VALUE))
        #: Ids of the rules for personal data.
        self.personal = frozenset(rule.id for rule in rules.rules if rule.kind == "personal")
        keywords = (*rules.keywords, *rules.anchors, *known.keywords, *self._actions.keywords, *_ESCAPES)
        #: Finds what the rules look for.
        self.search = KeywordSearch(
            keywords,
            coded=(*known.keywords, *_keywords(rules.rules, "vendor")),
            coded_text=_keywords(rules.rules, "credential"),
            engines=engines,
        )
        aside = dict.fromkeys(_ESCAPES, Aside.UNCHANGED) | dict.fromkeys(known.keywords, Aside.FIRST)
        self._detectors = Detectors(rules.rules, self.search, self._actions, aside)
        self._vendor, self._secrets = self._detectors.of_kinds("vendor"), self._detectors.of_kinds(*_SECRET_KINDS)
        known_keywords = frozenset(known.keywords)
        self._known_keywords = frozenset(n for n, word in enumerate(self.search.keywords) if word in known_keywords)

    def description(self, rule_id: str) -> str:
        """Return what a rule finds, in a sentence; empty for what is no rule of its own."""
        return next((rule.description for rule in self._rules if rule.id == rule_id), _OTHERS.get(rule_id, ""))

    def redact_all(self, texts: Sequence[str], depth: int | None = None) -> dict[str, Redacted]:
        """Return what becomes of those texts that hold a secret.

        Args:
            texts: any texts.
            depth: layers of encoding that may still be taken apart, by default `max_depth`.
        """
        return self.redact_found(self.search.scan(texts), depth)

    def redact_found(self, found: Iterable[Hits], depth: int | None = None) -> dict[str, Redacted]:
        """Return what becomes of texts that were searched already; as above."""
        depth = self._max_depth if depth is None else depth
        changes, latest = self._round(found, depth)
        for _ in range(_MOST_PASSES - 1):  # what a rule leaves behind can be a find of another
            if not latest:
                break
            again, _ = self._round(self.search.scan(list({change.text: None for change in latest.values()})), depth)
            latest = {
                text: _joined(change, again[change.text]) for text, change in latest.items() if change.text in again
            }
            changes.update(latest)
        else:
            changes.update((text, Redacted(marker(RESTLESS), {RESTLESS: 1})) for text in latest)
        drops = self._actions.drops
        if drops:
            dropped = [text for text, change in changes.items() if any(mark in change.text for mark in drops)]
            changes.update((text, msgspec.structs.replace(changes[text], drop=True)) for text in dropped)
        return changes

    def redact(self, text: str, depth: int | None = None) -> Redacted | None:
        """Return `text` without secrets, None if it holds none; `depth` as above."""
        return self.redact_all((text,), depth).get(text)

    def cut(self, redacted: Redacted, limit: int) -> Redacted:
        """Return the beginning of a redacted text, at most `limit` characters with the mark of the cut."""
        text, counts = redacted.text, Counter(redacted.counts)
        cut = len(text) > limit
        for _ in range(_MOST_PASSES):
            if len(text) > limit:
                text = _MARKER_AT_END.sub("", text[: limit - len(CUT)]) + CUT
            again = self.redact(text)  # JSON without its end, or a shorter number, looks different to a rule
            if again is None:
                break
            text = again.text
            counts.update(again.counts)
        else:
            text = marker(RESTLESS)
            counts[RESTLESS] += 1
        return Redacted(text, dict(counts), cut)

    def _round(self, found: Iterable[Hits], depth: int) -> tuple[dict[str, Redacted], dict[str, Redacted]]:
        """Return what becomes of texts when every rule has looked at them once, and of which it may not be all."""
        changes, again, others = self._detectors.apply_all(found)
        for hits in others:
            counts: dict[str, int] = {}
            text = self._look_at(hits, depth, counts)
            if text != hits.text:
                changes[hits.text] = again[hits.text] = Redacted(text, counts)
        return changes, again

    def _look_at(self, hits: Hits, depth: int, counts: dict[str, int]) -> str:
        """Return a text without what is found first: known values, else finds in JSON, else of rules, else encoded."""
        text = hits.text
        if self._may_hold_known(hits):
            plain = self._remove_known(text, counts)
            if plain != text:
                return plain
        if depth > 0 and text and text[0] in BEFORE_JSON:
            rewritten = self._structure(text, depth - 1, counts)
            if rewritten is not None:
                return rewritten
        applied = self._detectors.apply(hits, counts)
        if applied == text and depth > 0 and (hits.run or _is_escaped(text)):
            return self._decode(text, depth - 1, counts)
        return applied

    def _may_hold_known(self, hits: Hits) -> bool:
        known = self._known_keywords
        return bool(known) and not (known.isdisjoint(hits.keywords) and known.isdisjoint([n for n, _ in hits.places]))

    def _remove_known(self, text: str, counts: dict[str, int]) -> str:
        text, found = self._known.redact(text, self._known_marker)
        if found:
            counts[KNOWN_VALUE] = counts.get(KNOWN_VALUE, 0) + found
        return text

    def _structure(self, text: str, depth: int, counts: dict[str, int]) -> str | None:
        """Return JSON with its strings and keys redacted, None if `text` is no JSON object or array."""
        try:
            value = msgspec.json.decode(text.strip())
            strings = list(dict.fromkeys(texts(value)))
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return None
        changes = self.redact_all(strings, depth)
        rewriter = Rewriter(changes.get, self.keys)
        rewritten = rewriter.value(value)
        _add(rewriter.counts, counts)
        return text if rewritten is value else msgspec.json.encode(rewritten).decode()

    def _decode(self, text: str, depth: int, counts: dict[str, int]) -> str:
        if "\\u00" in text:
            unescaped = _UNICODE_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
            redacted = None if unescaped == text else self.redact(unescaped, depth=depth)
            if redacted is not None:
                _add(redacted.counts, counts)
                return redacted.text
        if "%" in text and _PERCENT.search(text):
            text = _ENCODED_WORD.sub(lambda match: self._percent(match[0], depth, counts), text)
        return _BASE64_RUN.sub(lambda match: self._base64(match[0], counts), text)

    def _percent(self, word: str, depth: int, counts: dict[str, int]) -> str:
        decoded = _PERCENT_RUN.sub(_decode_run, word)
        redacted = None if decoded == word else self.redact(decoded, depth=depth)
        if redacted is None:
            return word
        _add(redacted.counts, counts)
        return quote(redacted.text, safe=_RESERVED)

    def _base64(self, run: str, counts: dict[str, int]) -> str:
        """Return a marker if `run`, from any of its first four characters on, is base64 of something with a secret."""
        coded = run.rstrip("=").encode("ascii")
        if not may_be_base64(coded):
            return run
        pieces = decode(coded)
        if not self.search.counts(pieces):  # most runs are ids
            return run
        decoded = {data.decode("latin-1"): is_readable(data) for data in pieces}
        for hits in self.search.scan(list(decoded)):
            found: dict[str, int] = {}
            if self._may_hold_known(hits):
                self._remove_known(hits.text, found)
            if not found:
                self._detectors.apply(hits, found, self._secrets if decoded[hits.text] else self._vendor)
            if found:
                rule_id = next(iter(found))
                _add({rule_id: 1}, counts)
                replace = self._actions.by_rule(rule_id)
                return replace(run) if replace else marker(rule_id)
        return run


_OTHERS = {
    KNOWN_VALUE: "Values of secret-looking environment variables and of Beacon's own secrets.",
    SENSITIVE_KEY: "What stands under a name such as password.",
}


def _keywords(rules: Iterable[Rule], kind: Kind) -> list[str]:
    return [keyword for rule in rules if rule.kind == kind for keyword in rule.keywords]


def _decode_run(run: re.Match[str]) -> str:
    """Return what percent-encoded bytes stand for, as `unquote` does, which needs many times as much memory."""
    return bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "replace")


def _is_escaped(text: str) -> bool:
    """Say if a text can hold what keywords do not show because of an escape of JSON or percent-encoding."""
    return "\\u" in text or "\\/" in text or ("%" in text and _PERCENT.search(text) is not None)


def _joined(first: Redacted, second: Redacted) -> Redacted:
    """Return two changes, one after the other, as one."""
    counts = dict(first.counts)
    _add(second.counts, counts)
    return Redacted(second.text, counts)


def _add(counts: Mapping[str, int], total: dict[str, int]) -> None:
    for rule_id, count in counts.items():
        total[rule_id] = total.get(rule_id, 0) + count
