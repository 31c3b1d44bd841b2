"""Which flags make an agent print its stream, and what is left alone."""

from __future__ import annotations

import pytest

from beacon_core.lines import stream_command

STREAM = ["--output-format", "stream-json"]


@pytest.mark.parametrize(
    ("words", "added"),
    [
        (["claude", "-p", "x"], ["--verbose", *STREAM]),
        (["/usr/bin/claude", "--print", "x", "--verbose"], STREAM),
        (["claude", "-p", "x", "--output-format=json"], ["--verbose"]),
        (["codex", "exec", "x"], ["--json"]),
        (["codex", "exec", "--json", "x"], []),
        (["gemini", "-p", "x"], STREAM),
        (["gemini", "-p", "x", "-o", "json"], []),
        (["./review.sh", "-p"], []),
        (["npx", "claude", "-p"], []),
    ],
    ids=" ".join,
)
def test_flags_are_added_where_they_are_missing_and_nobody_has_said_otherwise(
    words: list[str], added: list[str]
) -> None:
    assert stream_command(words) == ([*words, *added], "")


def test_flags_stand_before_what_is_no_option() -> None:
    assert stream_command(["codex", "exec", "--", "--json"])[0] == ["codex", "exec", "--json", "--", "--json"]


@pytest.mark.parametrize("words", [["claude"], ["codex", "login"], ["gemini", "hello"]], ids=" ".join)
def test_an_agent_that_prints_no_stream_stays_as_it_is_and_the_user_is_told(words: list[str]) -> None:
    same, notice = stream_command(words)
    assert same == words
    assert notice.startswith(f"{words[0]} prints a stream only with ")


def test_a1_tools_are_allowed_where_the_command_has_not_said_which() -> None:
    tools = ["Bash", "Read"]
    assert stream_command(["claude", "-p", "x"], tools).words[-2:] == ["--allowedTools", "Bash,Read"]
    assert "Bash,Read" not in stream_command(["claude", "-p", "x", "--allowed-tools", "Edit"], tools).words
    assert stream_command(["codex", "exec", "x"], tools).words == ["codex", "exec", "x", "--json"]
