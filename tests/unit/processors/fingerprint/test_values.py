from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_core.processors.fingerprint.values import clean, clean_revision, clean_url, split_ref


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://git.example.com/acme/widgets.git", "https://git.example.com/acme/widgets"),
        ("https://user:pass@git.example.com:8443/acme/widgets.git/", "https://git.example.com:8443/acme/widgets"),
        ("https://x-access-token:ghs_FAKE@github.com/a/b?token=FAKE#frag", "https://github.com/a/b"),
        ("git@github.com:acme/widgets.git", "https://github.com/acme/widgets"),
        ("git@github.com:/acme/widgets.git", "https://github.com/acme/widgets"),
        ("ssh://git@git.example.com:2222/acme/widgets.git", "https://git.example.com/acme/widgets"),
        ("http://[::1]:3000/a/b", "http://[::1]:3000/a/b"),
        ("https://ci.example.com/job/a b/1/", "https://ci.example.com/job/a%20b/1/"),
    ],
)
def test_an_address_loses_credentials_query_fragment_and_suffix(text: str, url: str) -> None:
    assert clean_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "https://user:p/ss@git.example.com/a",
        "https://user:p?ss@git.example.com/a",
        "https://token#x@git.example.com/a",
        "https://tok/@git.example.com/a",
        "https://host:port/a",
        "/srv/git/widgets.git",
        "file:///srv/git/widgets.git",
        "C:\\git\\widgets",
        "javascript:alert(1)",
        "https://",
        "http://[::1",
        "",
    ],
)
def test_what_is_no_clean_address_is_left_out(text: str) -> None:
    assert clean_url(text) == ""


@given(st.text())
def test_a_cleaned_value_is_one_line_of_valid_text_and_stays_the_same(text: str) -> None:
    value = clean(text)
    assert value.splitlines() in ([], [value])
    assert clean(value) == value
    assert isinstance(clean_url(value), str)


def test_too_long_a_value_is_left_out_and_not_cut() -> None:
    assert clean("x" * 2048) == "x" * 2048
    assert clean("x" * 2049) == ""


def test_refs_lose_their_prefix_and_say_what_they_are() -> None:
    assert split_ref("refs/heads/feature/x") == ("feature/x", "branch")
    assert split_ref("refs/tags/v1") == ("v1", "tag")
    assert split_ref("origin/main") == ("main", "")
    assert split_ref("main") == ("main", "")
    assert clean_revision("0000000") == clean_revision("HEAD") == ""
