"""`beacon sanitize`: files and standard input without secrets."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

BEACON = Path(sys.executable).with_name("beacon")
KEY = "sk_live_" + "FAKEfake0000"
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEFAKE\n0123456789\n-----END RSA PRIVATE " + "KEY-----\n"


def sanitize(*arguments: str, stdin: bytes = b"", folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "BEACON_TEST_TOKEN": "only-known-from-the-environment"}
    command = [str(BEACON), "sanitize", *arguments]
    return subprocess.run(
        command, input=stdin, cwd=folder, env=environment, capture_output=True, check=False, timeout=60
    )


def test_s9_standard_input_is_printed_without_secrets() -> None:
    result = sanitize("-", stdin=f"a {KEY}\r\n{PEM}b only-known-from-the-environment\nlast {KEY}".encode() + b"\xff")
    expected = (
        b"a [REDACTED:stripe-key]\r\n[REDACTED:private-key]\nb [REDACTED:known-value]\nlast [REDACTED:stripe-key]\xff"
    )
    assert result.stdout == expected
    assert b"2 stripe-key" in result.stderr
    assert b"4 found in 1 of 1 file" in result.stderr
    assert result.returncode == 0


def test_s9_lines_of_json_stay_json() -> None:
    line = json.dumps({"n": 1, "password": "hunter2", "inner": json.dumps({"k": KEY})})
    printed = json.loads(sanitize("-", stdin=line.encode() + b"\n").stdout)
    assert printed["n"] == 1
    assert printed["password"] == "[REDACTED:sensitive-key]"
    assert json.loads(printed["inner"]) == {"k": "[REDACTED:stripe-key]"}


def test_s9_check_fails_if_anything_is_found_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text(f"one\ntwo {KEY}\n")
    (tmp_path / "good.txt").write_text("one\ntwo\n")
    bad = sanitize("--check", "bad.txt", "good.txt", folder=tmp_path)
    assert (bad.returncode, bad.stdout) == (1, b"")
    assert b"bad.txt:2: stripe-key" in bad.stderr
    good = sanitize("--check", "good.txt", folder=tmp_path)
    assert (good.returncode, good.stderr) == (0, b"nothing found\n")


def test_s9_the_summary_as_json(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text(f"one\ntwo {KEY}\n")
    summary = json.loads(sanitize("--check", "--json", "bad.txt", folder=tmp_path).stdout)
    place = {"file": "bad.txt", "line": 2, "rule": "stripe-key"}
    assert summary == {"found": 1, "rules": {"stripe-key": 1}, "places": [place]}


def test_s9_files_are_changed_in_place_only_where_something_is_found(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.txt", tmp_path / "good.txt"
    bad.write_text(f"one\ntwo {KEY}\n")
    bad.chmod(0o640)
    good.write_text("one\n")
    before = good.stat()
    result = sanitize("--in-place", "bad.txt", "good.txt", folder=tmp_path)
    assert (result.returncode, result.stdout) == (0, b"")
    assert bad.read_text() == "one\ntwo [REDACTED:stripe-key]\n"
    assert stat.S_IMODE(bad.stat().st_mode) == 0o640
    assert (good.stat().st_ino, good.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert {path.name for path in tmp_path.iterdir()} == {"bad.txt", "good.txt"}
    assert sanitize("--in-place", "-").returncode == 2


def test_s9_the_options_of_a_pipeline_apply(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("rules:\n  - {id: ticket, pattern: 'TICKET-[0-9]{4}', description: A ticket.}\n")
    (tmp_path / "p.yaml").write_text(
        "processors:\n  sanitize: {rules: [own.yaml], rule_actions: {'stripe-*': drop}, personal: []}\n"
    )
    text = f"TICKET-1234 ann@example.com\n{KEY}\nend\n".encode()
    result = sanitize("--pipeline", "p.yaml", stdin=text, folder=tmp_path)
    assert result.stdout == b"[REDACTED:ticket] ann@example.com\nend\n"
    assert b"1 ticket      -:1  A ticket" in result.stderr
    changed = sanitize(*("--pipeline", "p.yaml", "--set", "processors.sanitize.rules=[]"), stdin=text, folder=tmp_path)
    assert changed.stdout.startswith(b"TICKET-1234")


def test_p10_what_is_wrong_with_rules_is_said_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("rules:\n  - {id: slow, pattern: '(a+)+b'}\n")
    (tmp_path / "p.yaml").write_text("processors:\n  sanitize: {rules: [own.yaml]}\n")
    result = sanitize("--pipeline", "p.yaml", folder=tmp_path)
    assert result.returncode == 78
    assert b"own.yaml:2:25 rules[0].pattern" in result.stderr


def test_p7_a_secret_is_in_no_message(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text(f"{KEY}\n")
    for arguments in (["bad.txt"], ["--check", "bad.txt"], ["--check", "--json", "bad.txt"]):
        result = sanitize(*arguments, folder=tmp_path)
        assert KEY.encode() not in result.stdout + result.stderr


def test_p10_a_missing_file_is_named(tmp_path: Path) -> None:
    result = sanitize("missing.txt", folder=tmp_path)
    assert result.returncode == 1
    assert b"missing.txt" in result.stderr
    assert b"Traceback" not in result.stderr
