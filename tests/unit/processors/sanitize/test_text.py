"""What counts as a secret in one text, and what does not."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_core.processors.sanitize.known import KnownValues
from beacon_core.processors.sanitize.rules import built_in_rules
from beacon_core.processors.sanitize.text import _PERCENT_RUN, TextRedactor, _decode_run

ROOT = "/" + "root"  # the home directory of that user
REDACTOR = TextRedactor(built_in_rules(), KnownValues(), max_depth=4)
SOLID = "FAKEfake0123456789FAKEfake0123456789FAKE"
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEFAKEFAKE\n0123456789+/ab==\n-----END RSA PRIVATE " + "KEY-----"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0.FAKEsignature_-0000"

#: Rule id -> secrets that its rule finds wherever they stand.
VENDOR = {
    "private-key": [PEM, PEM.replace("\n", "\\n")],
    "aws-access-key-id": ["AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + "FAKE567890123456"],
    "github-token": ["ghp_" + SOLID[:36], "gho_" + SOLID[:36], "ghs_" + SOLID[:36], "github_pat_" + SOLID],
    "gitlab-token": ["glpat-" + SOLID[:20], "gldt-" + SOLID[:20]],
    "slack-token": ["xoxb-" + "123456789012-FAKEFAKEFAKE", "xapp-" + "1-A0FAKE-123456-fake"],
    "stripe-key": ["sk_live_" + "FAKE000", "rk_test_" + SOLID[:24], "whsec_" + SOLID[:32]],
    "anthropic-api-key": ["sk-ant-" + "api03-" + SOLID],
    "openai-api-key": ["sk-" + "proj-" + SOLID, "sk-" + SOLID],
    "npm-token": ["npm_" + SOLID[:36]],
    "pypi-token": ["pypi-" + "AgEIcHlwaS5vcmc" + SOLID],
    "google-api-key": ["AIza" + SOLID[:35], "ya29." + SOLID, "GOCSPX-" + SOLID[:28]],
    "azure-client-secret": ["abc8Q~" + SOLID[:34]],
    "sendgrid-api-key": ["SG." + SOLID[:22] + "." + SOLID],
    "twilio-api-key": ["SK" + "0123456789abcdef" * 2],
    "huggingface-token": ["hf_" + SOLID[:34]],
    "jwt": [JWT, JWT.rsplit(".", 1)[0] + "."],
}
VENDOR_SECRETS = [(rule_id, secret) for rule_id, secrets in VENDOR.items() for secret in secrets]

#: Texts in which `hunter2` or what stands in the second member is the secret.
SURROUNDED = [
    "password=hunter2",
    "PASSWORD = hunter2 and more",
    "db.password: hunter2",
    '{"password": "hunter2", "broken',
    r"{\"password\":\"hunter2\",\"user\":\"bob\"",
    r"{\\\"api_key\\\": \\\"hunter2\\\", \\\"n\\\"",
    "{'client_secret': 'hunter2', 'n': None}",
    'password="hunter2 with \\"quotes\\" hunter2" rest',
    'config["token"] = "hunter2"',
    "export A_SECRET=hunter2; ls",
    "AWS_SECRET_ACCESS_KEY=hunter2\\nNEXT=1",
    "curl https://example.com/?api_key=hunter2&x=1",
    "curl https://example.com/?x=1&access_token=hunter2#top",
    "run --token hunter2 --verbose",
    "run --db-password=hunter2",
    "run --client-secret 'hunter2 hunter2'",
    'args: ["--api-key", "hunter2", ',
    "curl -u admin:hunter2 https://example.com",
    "sshpass -p hunter2 ssh host",
    "mysql -uroot -phunter2 shop",
    "postgres://admin:hunter2@db.example:5432/prod",
    "redis://:hunter2@cache.example/0",
    "https://x:p@ss/hunter2@host.example/",
    "Server=db;Pwd=hunter2;Database=x",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2==;EndpointSuffix=core.windows.net",
    "<password>hunter2</password>",
    "token: hunter2",
    "password=(hunter2)",
    "password: {hunter2}",
    'a: {"password": ["hunter2", "x"], ',
    '{"authorization": ["Bearer hunter2", "x"], ',
    "Authorization: hunter2 {",
    "secret: 'hunter2'",
    "api_key => hunter2",
    "apiKey := 'hunter2'",
    "Authorization: hunter2",
    "Authorization: Weird hunter2",
    "authorization = Token hunter2",
    'curl -H "Authorization: Bearer hunter2" x',
    r"{\"Authorization\": \"Basic hunter2\"",
    'Authorization: Digest username="a", response="hunter2"',
    "Cookie: theme=dark; session=hunter2",
    "Set-Cookie: sid=hunter2; Path=/; HttpOnly",
    'requests.get(url, cookies={"a": 1}, headers={"cookie": "sid=hunter2"})',
    "got Bearer hunter2.hunter2 back",
    "https://a%3Ahunter2%40host.example/",
    "x?redirect=https%3A%2F%2Fe.example%2F%3Ftoken%3Dhunter2%26a%3D1",
    "x?u=https%253A%252F%252Fe.example%252F%253Fapi_key%253Dhunter2",
    "password%3Dhunter2",
    "&quot;password&quot;:&quot;hunter2&quot;",
    r"\u0022password\u0022: \u0022hunter2\u0022, \u0022a\u0022",
    '{"cmd": "echo \\u0070assword=hunter2"}',
    "\x1b[32mpassword=hunter2\x1b[0m",
]

BENIGN = [
    "fix: 3f2a9c1b7d4e5f60718293a4b5c6d7e8f9012345 and e617e42 in main",
    "sha256:e617e4289a483d905b75b964b3fcec5639fad065f9425f97337706b71e9ef46a",
    "55b9c64c-73b5-4f9c-986d-7fb30943b879",
    "token count: 500",
    "tokens: 500, max_tokens=500, input_tokens=12000, token_type=Bearer",
    "token: 500",
    "Authorization required",
    "password policy: see the wiki page",
    "the password is required",
    "token = get_token()",
    "password=os.environ['DB']",
    "api_key = self.settings",
    "export TOKEN=$GITHUB_TOKEN PASSWORD=${DB_PASSWORD} X=${{ secrets.X }}",
    "def login(user: str, password: str, token: Optional[str] = None) -> bool:",
    "password: null, secret: true, token: none",
    "if token == None: raise",
    "Basic usage of the Basic authentication scheme",
    "Bearer of news; Bearer authentication",
    'Traceback (most recent call last):\n  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode',
    "at Object.<anonymous> (/srv/app/node_modules/x/index.js:10:5)",
    "/srv/ci/home/.claude/projects /usr/share/rootfs https://example.com/home/page http://localhost:3000/Users/list",
    "git clone git@github.com:org/repo.git",
    "https://example.com:8080/path?page=2&sort=asc",
    "docker run -p 8080:80 -u 1000:1000 image",
    "PWD=/srv/ci/repo OLDPWD=/tmp",
    "risk-management-for-beginners-2024-edition, task-0123456789abcdefghij",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
    "req_011CSHoEeqs5C35K2UUqR7Fy toolu_01A09q90qw90lq917835lq9",
    "com.example.SecretKeyFactory and TokenService",
    "secretary: Ann; monkey: 5 bananas; bypass: yes",
    "<password> in the form, token > 5",
    "*** password: *** token=<your-token>",
    "keyboard: de",
    '{"usage": {"input_tokens": 5, "token_type": "input"}, "key": "value"}',
    "SKU 12345, Asia, basic, author: Ann Authorization",
    "eyJhbGciOiJIUzI1NiJ9",
    "def make_task_test_skip(): mark_test_skip()",
    "token=[REDACTED] password=[Filtered] secret=[REDACTED_SECRET]",
]


def redact(text: str) -> str:
    redacted = REDACTOR.redact(text)
    if redacted is None:
        return text
    assert REDACTOR.redact(redacted.text) is None, "not idempotent"
    assert sum(redacted.counts.values()) > 0
    return redacted.text


def wrappings(secret: str) -> list[str]:
    """Return texts that hold a secret in the ways in which agents carry it along."""
    raw = secret.encode()
    encoded = [base64.b64encode(b"x" * pad + b" " + raw).decode() for pad in range(3)]
    return [
        secret,
        f"use {secret} now",
        f"line\\n{secret}\\nline",
        f"'{secret}'",
        f"({secret})",
        f"KEY={secret},b=1",
        f"\x1b[32m{secret}\x1b[0m",
        json.dumps({"command": f"echo {secret}"}),
        json.dumps({"a": [json.dumps({"b": json.dumps([secret])})]}),
        json.dumps({"command": f"echo {secret}", "rest": 1})[:-5],
        f"q={quote(secret, safe='')}",
        f"echo {encoded[0]} | base64 -d",
        *encoded,
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    ]


@pytest.mark.parametrize(("rule_id", "secret"), VENDOR_SECRETS)
def test_s2_a_key_of_a_vendor_is_found_however_it_is_wrapped(rule_id: str, secret: str) -> None:
    assert redact(secret) == f"[REDACTED:{rule_id}]"
    for text in wrappings(secret):
        redacted = redact(text)
        assert secret not in redacted
        assert "[REDACTED:" in redacted or "REDACTED" in redacted
        assert json.dumps(secret)[1:-1] not in redacted


@pytest.mark.parametrize("text", SURROUNDED)
def test_s2_a_secret_is_known_by_what_stands_around_it(text: str) -> None:
    assert "hunter2" not in redact(text)
    assert "hunter2" not in redact(f"before {text}")
    assert "hunter2" not in redact(json.dumps({"out": text}))
    assert "hunter2" not in redact(json.dumps({"out": text, "x": 1})[:-6])


@pytest.mark.parametrize("text", BENIGN)
def test_s2_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_the_text_around_a_secret_stays() -> None:
    assert redact("a password=hunter2 b") == "a password=[REDACTED:assignment] b"
    assert redact("https://x.example/?api_key=hunter2&y=1") == "https://x.example/?api_key=[REDACTED:assignment]&y=1"
    assert redact("postgres://admin:hunter2@db/p") == "postgres://admin:[REDACTED:url-userinfo]@db/p"
    assert redact('{"n":1,"password":"hunter2","f":1.5}') == '{"n":1,"password":"[REDACTED:sensitive-key]","f":1.5}'
    assert redact('{ "n": 1 }') == '{ "n": 1 }'


def test_s2_the_secret_access_key_near_an_access_key_id_is_redacted() -> None:
    key, secret = "AKIA" + "IOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
    for text in (f"AWS {key} / {secret}, x", f"{secret} {key}", f"id: {key}\\nsecret: {secret}", f"{key}:{secret}"):
        assert secret not in redact(text)
        assert key not in redact(text)


def test_s2_a_private_key_without_an_end_is_redacted() -> None:
    head = "-----BEGIN OPENSSH PRIVATE " + "KEY-----"
    assert redact(f"x {head}\nb3BlbnNzaC1rZXk\nAAAA") == "x [REDACTED:private-key]"
    assert redact(f"{head}\\nb3BlbnNzaC1rZXk\\nAAAA") == "[REDACTED:private-key]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/alice/x", "~/x"),
        ("file:///home/alice/x", "file://~/x"),
        ("/Users/bob", "~"),
        ("C:\\Users\\bob\\x", "~\\x"),
        ("C:\\\\Users\\\\bob\\\\x", "~\\\\x"),
        ("d:/users/bob/x", "~/x"),
        ("C:\\Users\\John Smith\\x", "~\\x"),
        ("/mnt/c/Users/bob/x and /c/Users/bob", "~/x and ~"),
        (f"cp {ROOT}/id_rsa {ROOT}", "cp ~/id_rsa ~"),
        ("a\\n/home/alice/x\\t/home/bob", "a\\n~/x\\t~"),
        ("-I/home/alice/include", "-I~/include"),
        ("PATH=/home/alice/bin:/home/alice/x", "PATH=~/bin:~/x"),
        ('{"cwd":"\\/home\\/alice\\/x"}', '{"cwd":"~/x"}'),
        ('{"cwd":"C:\\\\Users\\\\bob\\\\x"}', '{"cwd":"~\\\\x"}'),
        ("~/.claude/projects/-home-alice-repo/x", "~/.claude/projects/-~-repo/x"),
        ("/rootfs /srv/home/alice /homeless/x", "/rootfs /srv/home/alice /homeless/x"),
    ],
)
def test_s4_a_home_directory_becomes_a_tilde(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize("text", ["alice@example.com", "<a.b+c@sub.example.co.uk>", "mail \\nalice@example.com now"])
def test_s2_an_email_address_is_redacted(text: str) -> None:
    assert "[REDACTED:email]" in redact(text)
    assert "@" not in redact(text)


HOSTILE = [
    *(
        "a",
        "A1",
        "/",
        "-",
        "--",
        "=",
        "\\",
        '"',
        '\\"',
        "@",
        "a@",
        "://",
        "://a:",
        "%",
        "%2",
        "%41",
        "[",
        '{"',
        "eyJ",
        "eyJa.",
        ".",
    ),
    *(
        "password",
        "password=",
        "password:'",
        "token: ",
        "token:",
        "--a-",
        "--token ",
        "Bearer ",
        "Basic ab",
        "sk-",
        "ghp_",
        "AKIA",
    ),
    *(
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "authorization: a ",
        "cookie=a=b; ",
        "mysql -",
        "/home/",
        "\\n/home/a",
        "a.b",
        "SG.a",
        "SGVsbG8g",
    ),
    *("curl -u a", "<password>", "AKIA" + "IOSFODNN7EXAMPLE ", "?sig=", "api_key api ", "\\u0022", "&quot;"),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_s7_long_hostile_text_is_done_with(piece: str) -> None:
    text = piece * (2**18 // len(piece))
    for hostile in (text, f"password token key @ /home {text}"):
        REDACTOR.redact(hostile)


def test_s7_deeply_nested_json_is_done_with() -> None:
    REDACTOR.redact("[" * 100_000 + '"password=hunter2"' + "]" * 100_000)
    deep = "password=hunter2"
    for _ in range(12):
        deep = json.dumps({"a": deep})
    assert "hunter2" not in redact(deep)


WORDS = st.sampled_from(
    [
        "lorem",
        "ipsum",
        "=",
        '"',
        "'",
        "\\",
        "\\n",
        "{",
        "}",
        ",",
        ":",
        "&",
        "token",
        "the",
        "/",
        "\n",
        "é",
        "[",
        "]",
        "$",
        "%20",
    ]
)
NOISE = st.lists(WORDS | st.text(max_size=6), max_size=12).map(" ".join)


@settings(deadline=None, database=None, max_examples=300)
@given(NOISE, st.sampled_from(VENDOR_SECRETS), NOISE)
def test_p2_a_planted_key_survives_nowhere(before: str, planted: tuple[str, str], after: str) -> None:
    _, secret = planted
    for text in (f"{before} {secret} {after}", f"{before}\n{secret}", json.dumps([before, {"k": f"{secret} {after}"}])):
        assert secret not in redact(text)


@settings(deadline=None, database=None, max_examples=300)
@given(st.text(), st.sampled_from([*SURROUNDED, *BENIGN, *(s for _, s in VENDOR_SECRETS)]), NOISE)
def test_s7_redacting_is_idempotent_and_deterministic(before: str, piece: str, after: str) -> None:
    text = f"{before}{piece}{after}"
    assert redact(text) == redact(text)


@settings(deadline=None, database=None, max_examples=200)
@given(
    st.lists(st.sampled_from([*("%", "%4", "%41", "%C3", "%a9", "%F0", "%9F", "%98", "%E2"), "a", "é"])).map("".join)
)
def test_percent_encoding_is_decoded_as_the_standard_library_does(text: str) -> None:
    assert _PERCENT_RUN.sub(_decode_run, text) == unquote(text)
