"""Redacts one text: JSON by its structure, anything else by the rules, and what is encoded inside by decoding it."""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from beacon_core.processors.sanitize.checks import CHECKS, entropy
from beacon_core.processors.sanitize.keys import SensitiveKeys
from beacon_core.processors.sanitize.known import RULE_ID as KNOWN_VALUE
from beacon_core.processors.sanitize.known import KnownValues
from beacon_core.processors.sanitize.rules import Rule, RuleSet, marker
from beacon_core.processors.sanitize.search import ENGINES, EngineMaker, KeywordSearch, may_be_base64
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
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_TO_STANDARD = str.maketrans("-_", "+/")
# Pseudo-keywords: what they show is that something is encoded.
_ESCAPES = ("\\u", "\\/", "%")
_BEFORE_JSON = frozenset("{[ \t\r\n")
_MOST_PLANS = 4096
_MARKER_AT_END = re.compile(r"\[[A-Z]{0,9}:?[a-z0-9-]{0,64}\Z")


class Redacted(NamedTuple):
    """A text that was changed, how often each rule changed it, and whether it was cut."""

    text: str
    counts: Mapping[str, int]
    cut: bool = False


class Find(NamedTuple):
    """What the search for keywords says about a text that may hold a secret.

    Attributes:
        rules: the numbers of the rules that can find something in it, in order.
        encoded: whether something in it is, or may be, encoded.
        known: whether it may hold a known value.
    """

    rules: tuple[int, ...]
    encoded: bool
    known: bool


_NOTHING = Find((), False, False)


class TextRedactor:
    """Redacts texts; any thread.

    Args:
        rules: in the order in which they are applied.
        known: values that are removed wherever they occur.
        max_depth: how many layers of encoding inside a text are taken apart.
        engines: what searches for keywords, the first one that is installed; the result is the same.
    """

    def __init__(
        self, rules: RuleSet, known: KnownValues, max_depth: int, *, engines: Sequence[EngineMaker] = ENGINES
    ) -> None:
        self._rules = rules.rules
        self._known = known
        self._max_depth = max_depth
        #: The names under which a text is replaced whatever it is.
        self.sensitive = SensitiveKeys(rules.names)
        #: Ids of the rules for personal data.
        self.personal = frozenset(rule.id for rule in rules.rules if rule.kind == "personal")
        kinds = [rule.kind for rule in rules.rules]
        self._vendor = frozenset(number for number, kind in enumerate(kinds) if kind == "vendor")
        self._secrets = frozenset(number for number, kind in enumerate(kinds) if kind != "personal")
        by_keyword: dict[str, set[int]] = {keyword: set() for keyword in (*rules.keywords, *known.keywords, *_ESCAPES)}
        for number, rule in enumerate(rules.rules):
            for keyword in rule.keywords:
                by_keyword[keyword].add(number)
        self._search = KeywordSearch(by_keyword, engines=engines)
        self._plans: dict[frozenset[int], Find] = {}
        keywords = self._search.keywords
        self._rules_of = [frozenset(by_keyword[keyword]) for keyword in keywords]
        self._escapes = frozenset(number for number, keyword in enumerate(keywords) if keyword in _ESCAPES)
        self._known_keywords = frozenset(
            number for number, keyword in enumerate(keywords) if keyword in frozenset(known.keywords)
        )
        self._called: dict[str, tuple[int, ...]] = {}

    def redact_all(self, texts: Sequence[str], depth: int | None = None) -> dict[str, Redacted]:
        """Return what becomes of those texts that hold a secret.

        Args:
            texts: any texts.
            depth: layers of encoding that may still be taken apart, by default `max_depth`.
        """
        depth = self._max_depth if depth is None else depth
        changes = {}
        for index, find in self._find(texts).items():
            redacted = self._redact(texts[index], find, depth)
            if redacted is not None:
                changes[texts[index]] = redacted
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

    def _find(self, texts: Sequence[str]) -> dict[int, Find]:
        """Return what is to be looked at, by position: most texts hold no keyword and are left alone."""
        hits, runs = self._search.find(texts)
        finds = {}
        for index, keywords in hits.items():
            find = self._plan(frozenset(keywords))
            encoded = index in runs or (find.encoded and _is_escaped(texts[index]))
            if encoded or not self._escapes.issuperset(keywords):
                finds[index] = find if find.encoded is encoded else Find(find.rules, encoded, find.known)
        for index in runs - hits.keys():
            finds[index] = Find((), True, False)
        return finds

    def _callees(self, rule_id: str) -> tuple[int, ...]:
        """Return the rules that look for the marker of a rule; no other rule matches from within a marker."""
        called = self._called.get(rule_id)
        if called is None:
            rules = self._find_in(marker(rule_id)).rules
            called = tuple(n for n in rules if any("REDACTED:" in source for source in self._rules[n].sources))
            self._called[rule_id] = called
        return called

    def _plan(self, keywords: frozenset[int]) -> Find:
        """Return what keywords call; the same few sets of keywords come again and again."""
        plan = self._plans.get(keywords)
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            rules = {rule for keyword in keywords for rule in self._rules_of[keyword]}
            escaped, known = not self._escapes.isdisjoint(keywords), not self._known_keywords.isdisjoint(keywords)
            plan = self._plans[keywords] = Find(tuple(sorted(rules)), escaped, known)
        return plan

    def _find_in(self, text: str) -> Find:
        return self._find((text,)).get(0, _NOTHING)

    def _redact(self, text: str, find: Find, depth: int) -> Redacted | None:
        counts: dict[str, int] = {}
        current, whole = text, True
        for _ in range(_MOST_PASSES):  # what a rule leaves behind can be a find of another
            before = current
            current, narrower = self._pass(current, find, depth, counts)
            if current == before:
                break
            # After a pass of fewer rules that changed something, the others have not seen the result.
            find = narrower if whole else self._find_in(current)
            whole = not whole
        else:
            return Redacted(marker(RESTLESS), {RESTLESS: 1})
        return None if current == text else Redacted(current, counts)

    def _pass(self, text: str, find: Find, depth: int, counts: dict[str, int]) -> tuple[str, Find]:
        """Return the text after one pass, and what to look at in the next."""
        current = self._remove_known(text, counts) if find.known else text
        if depth > 0 and current[:1] in _BEFORE_JSON:
            rewritten = self._structure(current, depth - 1, counts)
            if rewritten is not None:
                return rewritten, find if rewritten == text else self._find_in(rewritten)
        applied, last = self._apply(find.rules, current, counts)
        encoded = find.encoded and depth > 0 and _is_encoded(applied)
        decoded = self._decode(applied, depth - 1, counts) if encoded else applied
        if decoded != applied or current != text:
            return decoded, self._find_in(decoded)
        if last < 0:
            return applied, find
        # Rules after the last that changed something have seen the result; else only what markers call can be new.
        again = find.rules[: bisect_right(find.rules, last)]
        called = [number for rule_id in counts for number in self._callees(rule_id)]
        return applied, Find(tuple(sorted({*again, *called})) if called else again, encoded, find.known)

    def _apply(self, numbers: Iterable[int], text: str, counts: dict[str, int]) -> tuple[str, int]:
        """Return the text after some rules, and the number of the last that changed it."""
        lower = _lower(text)
        last = -1
        for number in numbers:
            rule = self._rules[number]
            for pattern in rule.patterns:
                matches = pattern.matches(text, lower)
                if matches:
                    changed = _replace(rule, pattern.group, text, matches, counts)
                    if changed is not text:
                        text, lower, last = changed, _lower(changed), number
        return text, last

    def _remove_known(self, text: str, counts: dict[str, int]) -> str:
        text, found = self._known.redact(text, marker(KNOWN_VALUE))
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
        rewriter = Rewriter(changes.get, self.sensitive)
        rewritten = rewriter.value(value)
        _add(rewriter.counts, counts)
        return text if rewritten is value else msgspec.json.encode(rewritten).decode()

    def _decode(self, text: str, depth: int, counts: dict[str, int]) -> str:
        unescaped = _UNICODE_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
        redacted = None if unescaped == text else self.redact(unescaped, depth=depth)
        if redacted is not None:
            _add(redacted.counts, counts)
            return redacted.text
        if _PERCENT.search(text):
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
        if run.islower() or run.isupper():  # hashes, ids and words
            return run
        decoded = [_unwrap(run[skip:]) for skip in range(4)]
        for index, find in self._find(decoded).items():
            text = decoded[index]
            readable = text.isascii() and text.translate(_WHITE).isprintable()
            found: dict[str, int] = {}
            plain = self._remove_known(text, found) if find.known else text
            kinds = self._secrets if readable else self._vendor
            self._apply([number for number in find.rules if number in kinds], plain, found)
            if found:
                rule_id = next(iter(found))
                _add({rule_id: 1}, counts)
                return marker(rule_id)
        return run


_WHITE = {ord(character): " " for character in "\t\r\n\f\x1b"}


def _lower(text: str) -> str:
    """Return ASCII letters in lower case, so that what stands where in a text stands there in this, too."""
    return text.lower() if text.isascii() else text.encode("ascii", "replace").decode("ascii").lower()


def _decode_run(run: re.Match[str]) -> str:
    """Return what percent-encoded bytes stand for, as `unquote` does, which needs many times as much memory."""
    return bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "replace")


def _unwrap(run: str) -> str:
    """Return what a run of base64 stands for, a character a byte; a last character that is too many is left out."""
    coded = run.rstrip("=").translate(_TO_STANDARD)
    coded = coded[:-1] if len(coded) % 4 == 1 else coded
    return base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("latin-1")


def _is_escaped(text: str) -> bool:
    """Say if a text can hold what keywords do not show because of an escape of JSON or percent-encoding."""
    return "\\u" in text or "\\/" in text or ("%" in text and _PERCENT.search(text) is not None)


def _is_encoded(text: str) -> bool:
    return _is_escaped(text) or may_be_base64(text)


def _replace(rule: Rule, group: str | int, text: str, matches: Iterable[re.Match[str]], counts: dict[str, int]) -> str:
    """Return `text` with a marker instead of the finds of a rule that pass its check."""
    check = CHECKS[rule.check] if rule.check else None
    parts, end = [], 0
    for match in matches:
        start, stop = match.span(group)
        if start >= 0 and (check is None or check(text[start:stop])) and _is_random(rule, text[start:stop]):
            parts += [text[end:start], rule.replacement]
            end = stop
    if not parts:
        return text
    counts[rule.id] = counts.get(rule.id, 0) + len(parts) // 2
    return "".join([*parts, text[end:]])


def _is_random(rule: Rule, secret: str) -> bool:
    return not rule.entropy or entropy(secret) >= rule.entropy


def _add(counts: Mapping[str, int], total: dict[str, int]) -> None:
    for rule_id, count in counts.items():
        total[rule_id] = total.get(rule_id, 0) + count
