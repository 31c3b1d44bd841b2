"""[T6] What must never get out is in no output, whatever captured it: not on disk, on the wire, in debug lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

POISONS = {
    "home": ("/home/jane.doe/clients/initech/x.py", ["jane.doe", "initech"]),
    "windows-home": ("C:\\Users\\jane.doe\\clients\\initech\\x.py", ["jane.doe", "initech"]),
    "bearer": ("Authorization: Bearer FAKEbearer0000FAKE", ["FAKEbearer"]),
    "stripe": ("sk_live_FAKE0000FAKE0000", ["sk_live_FAKE"]),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJGQUtFIjoxfQ.FAKEsignature", ["eyJhbGci", "FAKEsig"]),
    "aws": ("AKIAFAKE000000000000", ["AKIAFAKE"]),
    "aws-secret": ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ["wJalrXUtn", "EXAMPLEKEY"]),
    "url": ("https://jane:FAKEpassword@db.example/x", ["FAKEpassword"]),
    "assignment": ("api_key=FAKEvalue", ["FAKEvalue"]),
}


def leaks(data: bytes, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if secret.encode() in data]


@pytest.mark.parametrize("name", POISONS)
def test_t6_no_capture_method_lets_anything_out_to_spool_and_debug_output(home: Any, name: str) -> None:
    poison, secrets = POISONS[name]
    done = home.run("poisoned", POISON=poison, BEACON_DEBUG="1", HUSH="1")
    plain = home.run("poisoned", POISON=poison, BEACON_DEBUG="1")
    kinds = {record["name"] for record in home.records()}
    assert kinds == {"session.start", "session.end", "command", "step", "agent.tool", "agent.llm", "crash"}
    assert leaks(home.everything(), [*secrets, "plainword"]) == []
    debug = "\n".join(line for line in plain.stderr.splitlines() if line.startswith("beacon_track:"))
    assert "event crash" in debug
    assert leaks(debug.encode(), secrets) == []
    assert done.returncode == plain.returncode == 1


@pytest.mark.parametrize("name", POISONS)
def test_t6_no_capture_method_lets_anything_out_to_a_sidecar(home: Any, server: Any, name: str) -> None:
    poison, secrets = POISONS[name]
    home.run("poisoned", POISON=poison, BEACON_ENDPOINT=server.url, CI="1")
    ((path, headers, body),) = server.requests
    assert leaks(json.dumps([path, headers]).encode() + body + home.everything(), [*secrets, "plainword"]) == []
    assert len(server.records()) == 10


def test_t6_a_journal_is_as_clean_as_the_spool(home: Any) -> None:
    poison, secrets = POISONS["stripe"]
    process = home.start("with_click", "env", "claim", "sleep", "--name", poison, AI_AGENT=poison)
    assert process.stdout.readline() == "working\n"
    assert len(home.names("journal-")) == 1
    assert leaks(home.everything(), secrets) == []
    process.kill()
    process.communicate()
