"""The search for keywords, where in a match they stand, and what takes linear time."""

from __future__ import annotations

import re
from base64 import b64encode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_core.native import native
from beacon_core.processors.sanitize.anchors import find_anchor, required_words
from beacon_core.processors.sanitize.base64 import decode, runs
from beacon_core.processors.sanitize.linear import problem
from beacon_core.processors.sanitize.rules import built_in_rules
from beacon_core.processors.sanitize.search import ENGINES, EngineMaker, Hits, KeywordSearch, native_engine

KEYWORDS = ("a", "ab", "abc", "bc", "sk-", "-sk", "x" * 30, "??")
RULES = built_in_rules().rules
PATTERNS = [(rule, pattern) for rule in RULES for pattern in rule.patterns]


def by_word(search: KeywordSearch, texts: list[str]) -> dict[str, set[str]]:
    return {hits.text: words for hits in search.scan(texts) if (words := words_in(search, hits))}


def words_in(search: KeywordSearch, hits: Hits) -> set[str]:
    for number, place in hits.places:
        word = search.keywords[number]
        assert hits.text.encode("ascii", "replace").decode().lower().startswith(word, place)
    return {search.keywords[number] for number in (*hits.keywords, *(number for number, _ in hits.places))}


@pytest.mark.parametrize("engine", ENGINES)
@settings(deadline=None, database=None, max_examples=80)
@given(
    texts=st.lists(st.text("abcABC-skx?é\n\0 ", max_size=40) | st.just("x" * 40) | st.just("ab" * 70_000), max_size=8)
)
def test_the_search_says_which_keywords_are_in_which_text(engine: EngineMaker, texts: list[str]) -> None:
    if engine is native_engine and native("text") is None:
        pytest.skip("beacon-native is not installed")
    assert engine([b"x"]) is not None  # all others are installed where tests run
    search = KeywordSearch(KEYWORDS, engines=[engine])
    plain = {text: text.encode("ascii", "replace").decode().lower() for text in texts}
    expected = {text: {word for word in KEYWORDS if word in lower} for text, lower in plain.items()}
    assert by_word(search, texts) == {text: words for text, words in expected.items() if words}


def test_a_keyword_is_found_across_the_pieces_of_a_long_text() -> None:
    search = KeywordSearch(["needle"])
    for before in range(64 * 1024 - 10, 64 * 1024 + 10):
        assert [words_in(search, hits) for hits in search.scan(["x" * before + "needle"])] == [{"needle"}]


def coded(text: str | bytes, before: str = "") -> str:
    data = text if isinstance(text, bytes) else text.encode()
    return before + b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (coded("find the needle here"), True),
        (f"é {coded('find the needle here')}", True),
        (coded("find the needle here") + "== and more", True),
        (coded("find the Needle Here", before="A"), True),
        (coded("find the needle here", before="AA"), True),
        (coded("find the needle here", before="AAA"), True),
        (coded(b"\xff\xfe\xff???needle>>>??").replace("+", "-").replace("/", "_"), True),
        ("B" * 70_000 + "." + coded("find the needle here"), True),
        (coded("find the thread here"), True),
        (coded("\tfind\x1b[1m the thread\r\n"), True),
        (coded("find the thread here\x00"), False),  # not readable
        (coded("find the thread hére"), False),
        (coded("find the button here"), False),  # counts nowhere
        ("a" * 70_000 + "B" * 30, False),
        (coded("nothing is to be found"), False),
        (coded("xx needle"), False),  # too short
        (coded("." * 65_500 + "needle" + "." * 9), True),
        (coded("." * 65_533 + "needle" + "." * 9), True),
        (coded("." * 150_000 + "needle" + "." * 9), True),
        (coded("find the nee") + " " + coded("dle here, please"), False),
        ("e617e4289a483d905b75b964b3fcec56", False),
    ],
)
def test_a_run_is_base64_of_something_that_counts(engine: EngineMaker, text: str, expected: bool) -> None:
    search = KeywordSearch(["needle", "thread", "button"], coded=["needle"], coded_text=["thread"], engines=[engine])
    found = [(hits.text, hits.run) for hits in search.scan(["x", text])]
    if search.native:
        assert found == [(text, True)] * expected
    else:  # says that it may be so, and finds out when it is asked
        assert found == [(text, True)] * any(runs(text.encode("ascii", "replace")))
    assert any(search.counts(decode(run)) for _, run in runs(text.encode("ascii", "replace"))) == expected


@pytest.mark.parametrize(
    ("source", "keywords", "expected"),
    [
        ("ghp_[a-z]{4}", ["ghp_"], (("ghp_",), 0, 0)),
        ("gh[ps]_[a-z]{4}", ["ghp_", "ghs_"], (("ghp_", "ghs_"), 0, 0)),
        ("(?i:GHP)_x", ["ghp_"], (("ghp_",), 0, 0)),
        (r"(?<![a-z])\bghp_x", ["ghp_"], (("ghp_",), 0, 0)),
        ("[a-z]{3}8Q~x", ["8q~"], (("8q~",), 3, 3)),
        ("[a-z]{1,3}8Q~x", ["8q~"], (("8q~",), 1, 3)),
        ("[a-z]*8Q~x", ["8q~"], None),
        ("(?:ghp_|other)x", ["ghp_"], None),
        ("(?:ghp_)?x", ["ghp_"], None),
        ("[a-z]hp_", ["ghp_"], None),
        ("(", ["x"], None),
        ("x", [], None),
    ],
)
def test_an_anchor_is_where_a_keyword_stands_for_certain(source: str, keywords: list[str], expected: Any) -> None:
    anchor = find_anchor(source, keywords)
    assert (anchor if anchor is None else ({*anchor[0]}, *anchor[1:])) == (
        expected if expected is None else ({*expected[0]}, *expected[1:])
    )


def test_required_words_are_in_every_match() -> None:
    assert required_words(r"\b(?:sk|rk)_(?:live|test)_[A-Z]{9}") == ("rk_live_", "rk_test_", "sk_live_", "sk_test_")
    assert required_words("[a-f0-9]{32}") == ()
    assert required_words("[a-z]{3}(needle)") == ("needle",)


PIECES = [
    *(keyword for rule in RULES for keyword in rule.keywords[:1]),
    *"=:\"'\\ /@-_.\n",
    "A1b2C3d4E5f6G7h8I9j0",
    "/home/a",
]


@settings(deadline=None, database=None, max_examples=100)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=30).map("".join))
def test_looking_around_keywords_finds_what_looking_everywhere_finds(text: str) -> None:
    lower = text.encode("ascii", "replace").decode().lower()
    for rule, pattern in PATTERNS:
        if any(keyword in lower for keyword in rule.keywords):
            everywhere = [match.span() for match in pattern.regex.finditer(text)]
            assert [match.span() for match in pattern.matches(text, lower)] == everywhere, (rule.id, pattern.source)


@pytest.mark.parametrize(
    "source",
    [
        r"acme_[A-Z0-9]{20}",
        "acme_[a-z]+",
        "acme=[a-z]+;",
        "(?:a|b){8}x",
        "=a++b",
        "acme(?:a|b){1,9}+",
        r"acme\s*=\s*[a-z]{9}",
        r"acme_.*",
    ],
)
def test_s7_an_expression_with_little_choice_is_linear(source: str) -> None:
    assert problem(source) is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(a+)+b", "without an end"),
        ("a+b*ab", "without an end"),
        ("x.*y", "without an end"),
        ("(?:a|aa)+", "holds another"),
        ("(?:a{1,30}){1,30}b", "too many ways"),
        ("a{0,90}a{0,90}a{0,90}b", "too many ways"),
        ("a++b", "each place"),
        ("x[a-z]+;", "each place"),
        ("x(?=[a-z]*)", "without an end"),
        ("(", "not a regular expression"),
        ("a*", "empty text"),
    ],
)
def test_s7_an_expression_that_may_take_more_is_refused(source: str, message: str) -> None:
    assert message in (problem(source) or "")


def test_no_keyword_holds_what_markers_begin_and_end_with() -> None:
    for keyword in built_in_rules().keywords:
        assert not {"[", "]", "\n"} & set(keyword)


def test_every_pattern_of_a_pack_is_linear() -> None:
    packs = built_in_rules(frozenset({"betterleaks", "gitleaks", "veles"})).rules
    assert [
        (rule.id, problem(source))
        for rule in packs
        if rule.kind != "personal"
        for source in rule.sources
        if problem(source)
    ] == []


def test_the_rules_of_a_document_keep_their_order() -> None:
    order = [rule.kind == "personal" for rule in RULES]
    assert all(before <= after for before, after in pairwise(order))
    assert re.fullmatch(r"[a-z0-9-]+", "".join(rule.id for rule in RULES))
