"""Keywords are found in texts of every kind, each once for every place."""

from __future__ import annotations

import random
from typing import Any

import pytest

text = pytest.importorskip("beacon_native.text", reason="beacon-native is not built here")

KEYWORDS = ["a", "ab", "bab", "key", "keyring", "ring", "-----begin", "?"]
LONG = 64 * 1024


def scan(texts: list[str], run: int = 20) -> list[tuple[Any, ...]]:
    search = text.Search([word.encode() for word in KEYWORDS], run)
    found: list[tuple[Any, ...]] = search.scan(texts, lambda *each: each)
    return found


def places_of(one: str) -> list[tuple[int, int]]:
    """Return what is to be found, place by place."""
    lower = "".join(character.lower() if character.isascii() else "?" for character in one)
    return [
        (number, place)
        for place in range(len(lower))
        for number, word in enumerate(KEYWORDS)
        if lower.startswith(word, place)
    ]


@pytest.mark.parametrize("letters", ["abkeyring-BEGIN?. ", "abkeyrinGé ", "abkeyring日", "abkeyring🙂-"])
def test_every_place_of_every_keyword_is_found_in_the_order_of_their_beginnings(letters: str) -> None:
    chance = random.Random(letters)
    for _ in range(2000):
        one = "".join(chance.choices(letters, k=chance.randrange(40)))
        expected = places_of(one)
        found = scan([one], run=100)
        assert [(one, sorted(expected, key=lambda hit: (hit[1], hit[0])))] * bool(expected) == [
            (each, sorted(places, key=lambda hit: (hit[1], hit[0]))) for each, places, _, _ in found
        ]
        for _, places, _, _ in found:
            assert [place for _, place in places] == sorted(place for _, place in places)


def test_texts_without_anything_are_left_out_and_others_keep_their_order() -> None:
    assert [each for each, *_ in scan(["", "xyz", "key", "x" * 500, "a ring", "é"])] == ["key", "a ring", "é"]


def test_of_a_long_text_only_which_keywords_it_has_is_told() -> None:
    ((_, places, keywords, run),) = scan(["key " + "x" * LONG + " RING"])
    assert (places, keywords, run) == ([], {KEYWORDS.index("key"), KEYWORDS.index("ring")}, False)


@pytest.mark.parametrize(
    ("one", "run"),
    [
        ("XyZ" * 7, True),
        ("XyZ" * 6, False),  # too short
        ("x" * 99, False),  # of one case, as hashes are
        ("X1/" * 9, False),
        ("0123456789" * 2, True),  # without letters
        (". " + "Xy_-+/" * 4 + ".", True),
        ("XyZ.XyZ " * 9, False),
        ("日" + "Xy" * 10, True),
        ("Xy" * 10 + "🙂", True),
    ],
)
def test_a_run_is_long_and_has_letters_of_both_cases_or_none(one: str, run: bool) -> None:
    assert [each[3] for each in scan([one]) if each[3]] == [True] * run


def test_bytes_are_searched_too() -> None:
    search = text.Search([b"key", b"?"], 20)
    assert search.is_in(b"a KeY\xff")
    assert search.is_in(b"\xff")  # what is not ASCII counts as a question mark
    assert not search.is_in(b"ke y")
    assert not search.is_in(b"")
    assert not text.Search([], 20).is_in(b"key")


def test_what_is_no_text_is_refused() -> None:
    for wrong in (None, b"key", 1):
        with pytest.raises(TypeError):
            scan([wrong])  # type: ignore[list-item]
