"""Texts that are to make `sanitize` slow: any length, made from the rules and for every other layer."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from beacon_core.processors.sanitize.rules import Rule
from tests.unit.processors.sanitize.samples import Sampler

#: Makes a text of about so many characters.
Maker = Callable[[int], str]

_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_LONG = 8  # rounds; a repetition of fewer makes nothing slow
_MOST_RUNS = 12  # of one expression


class Run(NamedTuple):
    """A text that repeats something.

    Attributes:
        unit: what is repeated.
        before: what stands before it.
        after: what stands behind it.
    """

    unit: str
    before: str = ""
    after: str = ""

    def __call__(self, length: int) -> str:
        return self.before + self.unit * (max(length - len(self.before), 0) // len(self.unit) + 1) + self.after


@cache
def of_rule(rule: Rule) -> Mapping[str, Run]:
    """Return hostile texts made from a rule, by what they are.

    What the rule finds, what it nearly finds, its keywords, and each of its repetitions: once and very long, and short
    but again and again.
    """
    shapes: dict[str, Run] = {f"keyword {word}": Run(word) for word in rule.keywords[:3]}
    for number, source in enumerate(rule.sources):
        sampler = Sampler(f"{rule.id}{number}")
        sample = sampler.sample(source)
        shapes |= {f"{number} finds": Run(sample), f"{number} finds apart": Run(f"{sample} ")}
        shapes[f"{number} nearly finds"] = Run(sample[:-1] or sample)
        runs = dict.fromkeys(_runs(sampler, list(parser.parse(source, re.ASCII)), ""))
        for index, (before, unit) in enumerate(list(runs)[:_MOST_RUNS]):
            shapes[f"{number} run {index}"] = Run(unit, before)
            shapes[f"{number} runs {index}"] = Run(before + unit)
    return shapes


def _runs(sampler: Sampler, nodes: Sequence[Any], before: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before each repetition of an expression, and one round of it."""
    for code, value in nodes:
        for part in _parts(code, value):
            yield from _runs(sampler, list(part), before)
        if code in _REPEATS and value[1] > _LONG:
            yield before, sampler.sequence(list(value[2])) or "x"
        before += sampler.node(code, value)


def _parts(code: Any, value: Any) -> list[Any]:
    if code is codes.ATOMIC_GROUP:
        return [value]
    if code in _REPEATS:
        return [value[2]]
    if code is codes.SUBPATTERN:
        return [value[-1]]
    if code is codes.BRANCH:
        return list(value[1])
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    return [part for part in value[1:] if part is not None] if code is codes.GROUPREF_EXISTS else []


def _keys(key: str, length: int, before: str = "{", after: str = "}") -> str:
    """Return a JSON object with many different keys."""
    return before + ",".join(f'"{key % number}":1' for number in range(length // (len(key) + 8))) + after


def _coded(length: int, times: int, piece: str) -> str:
    data = (piece * (length // len(piece))).encode()
    for _ in range(times):
        data = base64.b64encode(data)
    return data[:length].decode()


def _random_runs(length: int, size: int) -> str:
    """Return base64 of noise, in runs of so many bytes."""
    rng = random.Random(size)
    return " ".join(
        base64.b64encode(rng.randbytes(size)).decode() for _ in range(max(length * 3 // 4 // (size + 1), 1))
    )


def _one_run(length: int) -> str:
    return _random_runs(length, length * 3 // 4)


def _json_in_json(length: int, layers: int) -> str:
    text = "password=hunter2 " * (length // 17)
    for _ in range(layers):
        text = json.dumps({"a": text})
    return text


def _nested(length: int, levels: int) -> str:
    return "[" * levels + '"abc",' * (length // 6) + "1" + "]" * levels


_AKIA = "AKIA" + "IOSFODNN7EXAMPLE "
_PEM = "-----BEGIN PRIVATE " + "KEY-----"

#: Texts for all that is no rule: repeated signs, encodings, structure, names, markers; by what they are.
LAYERS: dict[str, Maker] = {
    **{
        repr(unit): Run(unit)
        for unit in (
            *(
                "a",
                "aB",
                " ",
                "\n",
                "\t",
                "\\",
                '"',
                "'",
                '\\"',
                "/",
                "-",
                "--",
                "=",
                ":",
                "@",
                "[",
                "]",
                "{",
                "(",
                "é",
            ),
            *("a=", "://", "://a:", "a@", "a@b.cc ", "a.", "%", "%2", "%41", "%25%25", "%41 ", "%252541 ", "&quot;"),
            *("\\u", "\\u0022", "\\u005c", "\\/", "\\\\u0070", "[]", "eyJ", "eyJa.", "SGVsbG8g", "aB" * 9 + "a "),
            *(
                "-----BEGIN",
                "-----BEGIN ",
                f"{_PEM}\n",
                f"{_PEM}\nAA\n-----END PRIVATE KEY-----\n",
                "-----BEGIN PRIVATE ",
            ),
            *(
                "password",
                "password=",
                "password=x ",
                "password: ",
                "password:'",
                "token: 'x ",
                "<password>x</",
                "token>x",
            ),
            *(
                "--a-",
                "--token ",
                "--token x ",
                "mysql -p",
                "Basic YTpi",
                "Bearer ",
                "?sig=",
                "/home/a ",
                "\x1b[32m/home/a",
            ),
            *(
                "[REDACTED:",
                "[REDACTED:jwt]",
                "[REDACTED:aws-access-key-id]",
                _AKIA,
                _AKIA + "A1/+" * 10 + " ",
                "SK",
                "sk-",
            ),
            *(
                "password%3Dhunter2 ",
                "password%253Dhunter2 ",
                "\\u0070assword=a1 ",
                "\\\\u0022password\\\\u0022: ",
                "[TRUNC",
            ),
            *('{"password":"x"}\n', '{"a":"b",', "curl -u a", "c:\\users\\a ", "projects/-home-a", "token=$A", "${A"),
        )
    },
    "after a keyword": Run("a", "password token key @ /home "),
    "a long user": Run("a", "", " @"),
    "words behind an access key id": Run("ab ", _AKIA),
    "cookies": Run("a=b; ", "cookie: "),
    "parameters": Run("a=b, ", "authorization: "),
    "a long token": Run("a", "bearer "),
    "user and password": Run("YTpi", "Basic "),
    "a long signature": Run("a", "?sig="),
    "a variable": Run("A", "token=$", "a"),
    "flags and users": Run("-u a", "curl "),
    "JSON of empty lists": Run("[],", "[", "1]"),
    "JSON of empty maps": Run("{},", "[", "1]"),
    "JSON of empty texts": Run('"",', "[", "1]"),
    "JSON of one number": Run("1", "[", "]"),
    "JSON of one fraction": Run("1", "[1.", "]"),
    "JSON with spaces": Run(" ", "[", "]"),
    "JSON without an end": Run('"password":"b1",', "{"),
    "a list without an end": Run("1,", "["),
    "a text in JSON without an end": Run("a ", '{"k":"'),
    "many keys": partial(_keys, "k%d"),
    "keys that become equal": partial(_keys, "/home/u%d"),
    "keys that become markers": partial(_keys, "u%d@example.com"),
    "keys under a sensitive one": partial(_keys, "/home/u%d", before='{"token":{', after="}}"),
    "sensitive keys": partial(_keys, "n%d_token"),
    "numbered keys": lambda length: _keys("~#%d", length // 2, after=",") + _keys("/home/u%d", length // 2, before=""),
    "values of sensitive keys": Run('{"token":"v1"},', "[", "1]"),
    "pairs": Run('{"key":"password","value":"x1"},', "[", "1]"),
    "arguments": Run('"--token","x1",', "[", "1]"),
    "one key": Run("password ", '{"', '":"x"}'),
    "one key of humps": Run("aB", '{"', '":"x"}'),
    "stars": Run("*", '{"token":"', '"}'),
    "spaces as a secret": Run(" ", '{"token":"', 'x"}'),
    "a variable as a secret": Run("A", '{"token":"$', 'a"}'),
    "JSON in JSON": partial(_json_in_json, layers=3),
    "JSON in JSON, deep": partial(_json_in_json, layers=6),
    "nested lists": partial(_nested, levels=250),
    "lists nested too deep": partial(_nested, levels=700),
    "base64": partial(_coded, times=1, piece="x ghp_" + "A1b2C3d4E5f6" * 4 + " "),
    "base64 of base64": partial(_coded, times=2, piece="password=hunter2 "),
    "base64 of noise": _one_run,
    "base64 of noise in runs": partial(_random_runs, size=18),
}
