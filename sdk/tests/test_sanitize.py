"""[T5, T6] The one function that every text passes: what it removes, what it leaves, and how long it takes."""

from __future__ import annotations

import json

import pytest

from beacon_track import sanitize

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.FAKE-signature_0000"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEFAKE0000\nFAKE1111\n-----END RSA PRIVATE KEY-----"

SUPERUSER = "root"
SECRETS = [
    (f"key {PEM} end", "FAKE"),
    ("-----BEGIN PRIVATE KEY-----\nFAKEcut", "FAKE"),
    ("Authorization: Bearer FAKEFAKE1234", "FAKE"),
    ("authorization=Digest username=FAKEuser, response=FAKE", "FAKE"),
    ("{'Authorization': 'Basic RkFLRTpGQUtF'}", "RkFL"),
    ("sent bearer FAKE-abcdef", "FAKE"),
    ("Basic dXNlcjpGQUtFMQ==", "dXNl"),
    (f"token {JWT} expired", "eyJ"),
    (f"a\\n{JWT}", "eyJ"),
    ("sk_live_FAKE0000", "FAKE"),
    ("rk_test_FAKE00000000", "FAKE"),
    ("sk-ant-api03-FAKEFAKE0000", "FAKE"),
    ("ghp_FAKE00000000000000000000", "FAKE"),
    ("github_pat_FAKE0000_FAKE0000", "FAKE"),
    ("glpat-FAKE0000000000000000", "FAKE"),
    ("xoxb-0000-FAKE0000", "FAKE"),
    ("AKIAFAKE000000000000", "FAKE"),
    ("AIzaFAKE0000000000000000000000000000000", "FAKE"),
    ("npm_FAKE0000000000000000", "FAKE"),
    ("pypi-AgEFAKE00000000000000", "FAKE"),
    ("https://hooks.slack.com/services/T000/B000/FAKE", "FAKE"),
    ("postgres://user:FAKEpass@db.example/x", "FAKE"),
    ("https://FAKEtoken@github.com/x/y", "FAKE"),
    ("password=FAKE", "FAKE"),
    ("PGPASSWORD=FAKE psql", "FAKE"),
    ('{"password": "FAKE with \\" quote FAKE"}', "FAKE"),
    ('"{\\"client_secret\\": \\"FAKE\\"}"', "FAKE"),
    ("{'api_key': 'FAKE'}", "FAKE"),
    ("https://x.example/?access_token=FAKE&x=1", "FAKE"),
    ("aws_secret_access_key => FAKE/FAKE+FAKE", "FAKE"),
    ("tool --token FAKE --verbose", "FAKE"),
    ("tool --api-key 'FAKE FAKE'", "FAKE"),
    ("--db-password FAKE", "FAKE"),
    ("Set-Cookie: session=FAKE; Path=/", "FAKE"),
    ("mail jane.doe@FAKE.example now", "FAKE"),
    ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "EXAMPLEKEY"),
    ("x=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY and", "EXAMPLEKEY"),
    ("value FAKEabcdefghijklmnopQRSTUVWXYZ0123456789", "FAKE"),
]
HARMLESS = [
    "env.claim",
    "token count: 500",
    "tokens: 500",
    "commit 5b8f1c6d9e0a4b7c8d2e3f4a5b6c7d8e9f0a1b2c",
    "and/or, 1/2, a/b/c",
    "https://docs.example/guide/page#part",
    "2026-11-20T12:00:00Z",
    "no such option: --nope",
    "basic usage and bearer of news",
    "Keyboard monkey",
]
PATHS = [
    ("/home/jane/x.py", "~/x.py"),
    ("/home/jane/src/acme/x.py", "~/.../x.py"),
    ("/Users/jane/x.py", "~/x.py"),
    ("C:\\Users\\jane\\x.py", "~\\x.py"),
    ("c:/users/jane/src/x.py", "~/.../x.py"),
    ("C:\\\\Users\\\\jane\\\\work\\\\x.py", "~/.../x.py"),
    ("D:\\customers\\acme\\x.py", "/.../x.py"),
    ("\\\\server\\share\\acme\\x.py", "/.../x.py"),
    ("/srv/customers/acme/x.py", "/.../x.py"),
    ("'/srv/our customers/acme inc/x.py'", "'/.../x.py'"),
    ('"C:\\our customers\\acme inc\\x.py"', '"/.../x.py"'),
    ("file:///srv/customers/x.py", "file:///.../x.py"),
    (f"open /srv/a/x.py: /var/{SUPERUSER}/y", "open /.../x.py: ~/y"),  # its home on macOS
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_t6_a_secret_is_redacted_and_a_second_time_changes_nothing(text: str, secret: str) -> None:
    cleaned = sanitize.clean(text)
    assert secret not in cleaned
    assert "[REDACTED:" in cleaned
    assert sanitize.clean(cleaned) == cleaned


@pytest.mark.parametrize("text", HARMLESS)
def test_t6_what_is_harmless_stays(text: str) -> None:
    assert sanitize.clean(text) == text


@pytest.mark.parametrize(("text", "wanted"), PATHS)
def test_t5_homes_become_a_tilde_and_absolute_paths_are_collapsed(text: str, wanted: str) -> None:
    assert sanitize.clean(text) == wanted
    assert sanitize.clean(wanted) == wanted


def test_t5_the_home_of_this_user_becomes_a_tilde_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/data/people/j.doe")
    assert sanitize.clean("in /data/people/j.doe, /data/people/j.doe/x") == "in ~, ~/x"
    assert "j.doe2" not in sanitize.clean("/data/people/j.doe2/secret/x")


@pytest.mark.parametrize(("text", "secret"), SECRETS)
@pytest.mark.parametrize("limit", [64, 1024])
def test_t5_a_secret_across_the_limit_leaves_no_fragment(text: str, secret: str, limit: int) -> None:
    for shift in range(0, len(text) + 12, 3):
        cleaned = sanitize.clean("x " * ((limit - shift) // 2) + text + " and so on" * 20, limit)
        assert len(cleaned) <= limit
        assert secret not in cleaned


def test_t5_the_mark_of_a_cut_counts() -> None:
    assert sanitize.clean("x " * 600) == "x " * 506 + "x[TRUNCATED]"
    assert sanitize.clean("x" * 1024) == "x" * 1024


def test_t5_a_secret_across_the_window_leaves_no_fragment_however_much_is_redacted_before_it() -> None:
    text = f"{PEM.replace('FAKE1111', 'A' * (sanitize.WINDOW - 85))}\nsk_live_FAKE0000"
    assert len(text) > sanitize.WINDOW
    for cut in range(30):
        assert "FAKE" not in sanitize.clean("y" * cut + text)


def test_what_this_process_was_given_as_secrets_is_removed_wherever_it_occurs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_TOKEN", "plain words only")
    monkeypatch.setattr("sys.argv", ["acme", "--password", "hunter2", "--token=letmein2", "--verbose", "claims"])
    sanitize.forget_known_values()
    cleaned = sanitize.clean("said plain words only, hunter2, letmein2 and claims")
    sanitize.forget_known_values()
    marker = "[REDACTED:known-value]"
    assert cleaned == f"said {marker}, {marker}, {marker} and claims"


@pytest.mark.parametrize(
    ("name", "sensitive"),
    [
        ("password", True),
        ("db_password", True),
        ("API_KEY", True),
        ("x-auth-token", True),
        ("GITHUB_TOKEN", True),
        ("monkey", False),
        ("gen_ai.request.model", False),
        ("passenger", False),
        ("items", False),
    ],
)
def test_what_stands_under_a_sensitive_name_is_a_secret_whatever_it_looks_like(name: str, sensitive: bool) -> None:
    assert sanitize.is_sensitive(name) is sensitive


def test_a_text_that_is_not_unicode_can_be_encoded_afterwards() -> None:
    assert json.dumps(sanitize.clean("\ud800 \udfff")).encode()


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "/", "\\", "-", "=", "@", ":", '"', "'", "eyJ", "-eyJ", "/a", "\\\\a", "token", "token=", "--token"),
        *(
            "-----BEGIN PRIVATE KEY-----",
            "://",
            "://a:",
            "a@",
            "a.",
            "bearer ",
            "sk-",
            "~/",
            "'/",
            "C:\\",
            "password: \\",
        ),
        *("cookie:", "authorization=", "sk_live_", "\\n", "%41", "[REDACTED", "\ud800", " ", "\n"),
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    """A rule that backtracks would take minutes for these, and the test's own limit would end it."""
    cleaned = sanitize.clean(piece * (2 * sanitize.WINDOW // len(piece)), 4096)
    assert len(cleaned) <= 4096
