"""Keywords are found in texts of every kind, each once for every place."""

from __future__ import annotations

import base64
import random
import re
import string
from functools import cache
from typing import Any

import pytest

text = pytest.importorskip("beacon_native.text", reason="beacon-native is not built here")

KEYWORDS = ["a", "ab", "bab", "key", "keyring", "ring", "-----begin", "?"]
LONG = 64 * 1024


def scan(texts: list[str], run: int = 20) -> list[tuple[Any, ...]]:
    search = text.Search([word.encode() for word in KEYWORDS], run)
    return [(hits.text, hits.places, hits.keywords, hits.run) for hits in search.scan(texts)]


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


@pytest.mark.parametrize("longest", [1, 2, 3, 4, 9, 30])
def test_texts_of_every_size_are_searched_from_end_to_end(longest: int) -> None:
    search = text.Search([b"k" * longest], 99)
    for size in range(longest, 200):
        for place in range(size - longest + 1):
            one = "." * place + "K" * longest + "." * (size - longest - place)
            assert [hits.places for hits in search.scan([one])] == [[(0, place)]]


def test_texts_without_anything_are_left_out_and_others_keep_their_order() -> None:
    assert [each for each, *_ in scan(["", "xyz", "key", "x" * 500, "a ring", "é"])] == ["key", "a ring", "é"]


def test_of_a_long_text_only_which_keywords_it_has_is_told() -> None:
    ((_, places, keywords, run),) = scan(["key " + "x" * LONG + " RING"])
    assert (places, keywords, run) == ([], {KEYWORDS.index("key"), KEYWORDS.index("ring")}, False)


CODED = [b"key", b"0|", b"?b", b"x", b"thread"]  # all but the last count anywhere, that one in text that can be read
LETTERS = string.ascii_letters + string.digits + "+/_-"


@cache
def searching(keywords: tuple[bytes, ...]) -> Any:
    return text.Search([*keywords], 20, coded=[*range(len(keywords) - 1)], coded_text=[len(keywords) - 1])


def has_run(one: str, keywords: list[bytes]) -> bool:
    return any(hits.run for hits in searching(tuple(keywords)).scan([one]))


def is_expected(one: str, keywords: list[bytes]) -> bool:
    """Say in another way if there is a run that counts, or in a text with a keyword one that may count."""
    runs = [run for run in re.findall(r"[A-Za-z0-9+/_-]{20,}", one) if not run.islower() and not run.isupper()]
    if any(word in one.encode("ascii", "replace").lower() for word in keywords):
        return bool(runs)
    for run in runs:
        for coded in [run[shift:] for shift in range(4)]:
            whole = coded[:-1] if len(coded) % 4 == 1 else coded
            data = base64.b64decode(
                whole + "=" * (-len(whole) % 4), altchars=b"-_" if "-" in run or "_" in run else None
            )
            lower = bytes(byte if byte < 128 else ord("?") for byte in data).lower()
            readable = not re.search(rb"[^ -~\t\r\n\f\x1b]", data)
            if any(word in lower for word in keywords[:-1]) or (readable and keywords[-1] in lower):
                return True
    return False


def test_base64_counts_if_a_keyword_stands_in_what_it_stands_for() -> None:
    chance = random.Random(1)
    outcomes = []
    for _ in range(4000):
        data = bytes(chance.choices(b"abcehkyrt \n|0?X\xff", k=chance.randrange(12, 40)))
        data += chance.choice([b"", b"KEY", b"thread", b"ThReAd", b"0|", b"\xffb"])
        data += bytes(chance.choices(b"abe \t", k=chance.randrange(6)))
        coded = base64.b64encode(data, chance.choice([b"+/", b"-_"])).decode()
        one = chance.choice(["", "é ", ".日 ", "🙂", "Zz. "]) + "".join(chance.choices(LETTERS, k=chance.randrange(4)))
        one += chance.choice([coded, coded.rstrip("="), coded + " and more"])
        keywords = [word for word in CODED if word != b"x" or chance.random() < 0.1]
        if "+" in one and ("-" in one or "_" in one):
            continue  # of both alphabets, for which the library has no name
        if "/" in one and ("-" in one or "_" in one):
            continue
        outcomes.append(has_run(one, keywords))
        assert outcomes[-1] == is_expected(one, keywords), (one, data)
    assert 400 < sum(outcomes) < len(outcomes) - 400


@pytest.mark.parametrize(
    ("one", "run"),
    [
        ("a2V5" * 5, True),
        ("a2V5" * 4, False),  # too short
        ("a2V5" * 4 + "." + "a2V5" * 4, False),
        ("." * 19 + "a2V5" * 5, True),
        ("日" + "a2V5" * 5 + "🙂", True),
        ("A" * 40 + "." + "a2V5" * 5, True),
        ("a" * 99, False),  # of one case, as hashes are
        ("QQQQ" * 6, False),
        ("0" * 99, False),
    ],
)
def test_a_run_is_long_and_has_letters_of_both_cases_or_none(one: str, run: bool) -> None:
    assert has_run(one, [b"key", b"thread"]) == run
    for before in range(60):
        assert has_run("." * before + one, [b"key", b"thread"]) == run


def test_a_long_text_is_searched_as_a_short_one_is() -> None:
    chance = random.Random(2)
    words = ["-----begin", "keyring", "ring", "key", "bab", "??", ".", " ", "日", "-----"]
    for size in (*range(1, 60), 500, 4000):
        one = "".join(chance.choices(words, k=size))
        ((_, places, _, _),) = scan([one + "key"])
        assert sorted(places) == sorted(places_of(one + "key"))
        assert [place for _, place in places] == sorted(place for _, place in places)


def test_what_is_no_text_is_refused() -> None:
    for wrong in (None, b"key", 1):
        with pytest.raises(TypeError):
            scan([wrong])  # type: ignore[list-item]
