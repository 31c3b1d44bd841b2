"""Redacts one text: JSON by its structure, anything else by the rules, and what is encoded inside by decoding it."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

import msgspec

from beacon_core.processors.sanitize.checks import CHECKS
from beacon_core.processors.sanitize.keys import SensitiveKeys
from beacon_core.processors.sanitize.known import RULE_ID as KNOWN_VALUE
from beacon_core.processors.sanitize.known import KnownValues
from beacon_core.processors.sanitize.rules import Rule, RuleSet, marker, stems
from beacon_core.processors.sanitize.walk import Rewriter

#: What is left at the end of a text that was cut.
CUT = "[TRUNCATED]"

_MOST_PASSES = 8
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_UNICODE_ESCAPE = re.compile(r"\\{1,8}u(00[2-7][0-9A-Fa-f])")
_ENCODED_WORD = re.compile(r"[^\s\"'<>`\\]+")
_RESERVED = "!#$&'()*+,/:;=?@[]~%\"<>{}|\\^`"
_SHORTEST_RUN = 20  # characters of base64: a secret of 15
_LONG_RUN = re.compile(r"\b[A-Za-z0-9+/_-]{20,}", re.ASCII)  # the boundary saves time; a sign before it does not matter
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_TO_STANDARD = str.maketrans("-_", "+/")
_OPENING, _CLOSING = frozenset("{["), frozenset("}]")
_MARKER_AT_END = re.compile(r"\[[A-Z]{0,9}:?[a-z0-9-]{0,64}\Z")


class Redacted(NamedTuple):
    """A text that was changed, how often each rule changed it, and whether it was cut."""

    text: str
    counts: Mapping[str, int]
    cut: bool = False


class TextRedactor:
    """Redacts texts; any thread.

    Args:
        rules: in the order in which they are applied.
        known: values that are removed wherever they occur.
        max_depth: how many layers of encoding inside a text are taken apart.
    """

    def __init__(self, rules: RuleSet, known: KnownValues, max_depth: int) -> None:
        self._rules = rules.rules
        self._decoded_rules = rules.only("vendor", "credential").rules
        self._vendor_rules = rules.only("vendor").rules
        self._known = known
        self._max_depth = max_depth
        #: The names under which a text is replaced whatever it is.
        self.sensitive = SensitiveKeys(rules.names)
        #: Ids of the rules for personal data.
        self.personal = frozenset(rule.id for rule in rules.rules if rule.kind == "personal")
        #: Every keyword holds one of these: enough to know that a text holds none.
        self._stems = stems((*rules.keywords, *known.keywords))
        self._needed = [(rule, _stems_in(rule.keywords, self._stems)) for rule in rules.rules]

    def redact_all(self, texts: list[str]) -> dict[str, Redacted]:
        """Return what becomes of those texts that hold a secret.

        Which keywords occur at all, and whether anything is encoded, is found out over the distinct words of all texts
        together, so that most of them are left alone after a look at a few keywords. Keywords hold no white space.
        """
        words = set("\n".join(texts).split())
        haystack = "\n".join(words).lower()
        encoded = any(len(word) >= _SHORTEST_RUN and _may_be_base64(word) for word in words)
        escaped = _is_escaped(haystack)
        present = [stem for stem in self._stems if stem in haystack]
        rules = tuple(rule for rule, needed in self._needed if not needed.isdisjoint(present))
        changes = {}
        for text in texts:
            if not (
                _any_in(present, text.lower())
                or (encoded and len(text) >= _SHORTEST_RUN and _may_be_base64(text))
                or (escaped and _is_escaped(text))
            ):
                continue
            redacted = self.redact(text, rules)
            if redacted is not None:
                changes[text] = redacted
        return changes

    def redact(self, text: str, rules: tuple[Rule, ...] | None = None, depth: int | None = None) -> Redacted | None:
        """Return `text` without secrets, None if it holds none.

        Args:
            text: any text.
            rules: those that can find something in it, by default all. What is decoded is searched with all.
            depth: layers of encoding that may still be taken apart, by default `max_depth`.
        """
        rules = self._rules if rules is None else rules
        depth = self._max_depth if depth is None else depth
        counts: Counter[str] = Counter()
        current = text
        for _ in range(_MOST_PASSES):  # what a rule leaves behind can be a find of another
            before = current
            current = self._pass(current, rules, depth, counts)
            if current == before:
                break
        return None if current == text else Redacted(current, dict(counts))

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
        return Redacted(text, dict(counts), cut)

    def _pass(self, text: str, rules: tuple[Rule, ...], depth: int, counts: Counter[str]) -> str:
        lower = text.lower()
        encoded = depth > 0 and (_is_escaped(text) or _may_be_base64(text))
        if not encoded and not _any_in(self._stems, lower):
            return text
        text = self._remove_known(text, counts)
        if depth > 0:
            rewritten = self._structure(text, depth - 1, counts)
            if rewritten is not None:
                return rewritten
        text = _apply(rules, text, lower, counts)
        return self._decode(text, depth - 1, counts) if encoded else text

    def _remove_known(self, text: str, counts: Counter[str]) -> str:
        text, found = self._known.redact(text, marker(KNOWN_VALUE))
        if found:
            counts[KNOWN_VALUE] += found
        return text

    def _structure(self, text: str, depth: int, counts: Counter[str]) -> str | None:
        """Return JSON with its strings and keys redacted, None if `text` is no JSON object or array."""
        stripped = text.strip()
        if len(stripped) < 2 or stripped[0] not in _OPENING or stripped[-1] not in _CLOSING:  # noqa: PLR2004 - "{}"
            return None
        try:
            value = msgspec.json.decode(stripped)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return None
        rewriter = Rewriter(lambda inner: self.redact(inner, depth=depth), self.sensitive)
        rewritten = rewriter.value(value)
        counts.update(rewriter.counts)
        return text if rewritten is value else msgspec.json.encode(rewritten).decode()

    def _decode(self, text: str, depth: int, counts: Counter[str]) -> str:
        unescaped = _UNICODE_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
        redacted = None if unescaped == text else self.redact(unescaped, depth=depth)
        if redacted is not None:
            counts.update(redacted.counts)
            return redacted.text
        if _PERCENT.search(text):
            text = _ENCODED_WORD.sub(lambda match: self._percent(match[0], depth, counts), text)
        return _BASE64_RUN.sub(lambda match: self._base64(match[0], counts), text)

    def _percent(self, word: str, depth: int, counts: Counter[str]) -> str:
        decoded = unquote(word) if "%" in word else word
        redacted = None if decoded == word else self.redact(decoded, depth=depth)
        if redacted is None:
            return word
        counts.update(redacted.counts)
        return quote(redacted.text, safe=_RESERVED)

    def _base64(self, run: str, counts: Counter[str]) -> str:
        """Return a marker if `run`, from any of its first four characters on, is base64 of something with a secret."""
        if run.islower() or run.isupper():  # hashes, ids and words
            return run
        for skip in range(4):
            decoded = _unwrap(run[skip:])
            readable = decoded.isascii() and decoded.translate(_WHITE).isprintable()
            found: Counter[str] = Counter()
            plain = self._remove_known(decoded, found)
            _apply(self._decoded_rules if readable else self._vendor_rules, plain, plain.lower(), found)
            if found:
                rule_id = next(iter(found))
                counts[rule_id] += 1
                return marker(rule_id)
        return run


_WHITE = {ord(character): " " for character in "\t\r\n\f\x1b"}


def _unwrap(run: str) -> str:
    """Return what a run of base64 stands for, a character a byte; a last character that is too many is left out."""
    coded = run.rstrip("=").translate(_TO_STANDARD)
    coded = coded[:-1] if len(coded) % 4 == 1 else coded
    return base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("latin-1")


def _stems_in(keywords: Iterable[str], shorter: Iterable[str]) -> frozenset[str]:
    return frozenset(stem for keyword in keywords for stem in shorter if stem in keyword)


def _any_in(keywords: Iterable[str], lower: str) -> bool:
    for keyword in keywords:  # noqa: SIM110 - any() with a generator takes three times as long, on every text
        if keyword in lower:
            return True
    return False


def _is_escaped(text: str) -> bool:
    """Say if a text can hold what keywords do not show because of an escape of JSON or percent-encoding."""
    return "\\u" in text or "\\/" in text or ("%" in text and _PERCENT.search(text) is not None)


def _may_be_base64(text: str) -> bool:
    """Say if a text can hold base64: letters of both cases in a run that is long enough."""
    return len(text) >= _SHORTEST_RUN and any(not (run.islower() or run.isupper()) for run in _LONG_RUN.findall(text))


def _apply(rules: Iterable[Rule], text: str, lower: str, counts: Counter[str]) -> str:
    for rule in rules:
        for keyword in rule.keywords:
            if keyword in lower:
                text = _substitute(rule, text, counts)
                break
    return text


def _substitute(rule: Rule, text: str, counts: Counter[str]) -> str:
    check = CHECKS[rule.check]

    def replace(match: re.Match[str]) -> str:
        group = "secret" if "secret" in match.re.groupindex else 0
        secret = match[group]
        if secret is None or not check(secret):
            return match[0]
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        counts[rule.id] += 1
        return match[0][:start] + rule.replacement + match[0][end:]

    for pattern in rule.patterns:
        text = pattern.sub(replace, text)
    return text
