"""Removes secrets, personal data and paths from a text: the one function that every text of every event passes [T6].

The rules are few and compact, because a command pays for them; the pipeline's `sanitize` has all of them and goes over
the same events again. Ids and markers are the same. A rule is compiled only where one of its keywords occurs. All work
is bounded: a text is cut to `WINDOW` first, at white space, so that no part of a secret is left at the cut.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Mapping

#: Characters of a text that are looked at; the rest is left out unread.
WINDOW = 16_384
#: Characters of one text at most, the mark of the cut included.
LIMIT = 1024
MARK = "[TRUNCATED]"

#: What the names of secrets end with or contain: of attributes, variables, flags, and members of JSON.
_NAMES = (
    "passw(?:or)?d|passwort|passphrase|passcode|pwd|secret|token|credential|cookie|authorization|bearer|"
    "(?:api|app|access|private|account|shared|signing|encryption|master|storage|license|ssh|deploy|auth|session)[_-]?key"
)
#: A secret's value: in quotes, perhaps escaped, to their end or that of the line; else to a space or separator.
_VALUE = r"""(?:\\{1,4}"[^"\r\n]*"?|"(?:[^"\\\r\n]|\\.)*"?|'(?:[^'\\\r\n]|\\.)*'?|[^\s"'&;,]+)"""
#: Not what a rule has put there: a second time changes nothing.
_NEW = r"(?!\\{0,4}[\"' \t]{0,6}\[REDACTED)"
_EDGE = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
_VENDORS = "|".join(  # noqa: FLY002 - one a line
    [
        "(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9_]{4,}",
        "whsec_[A-Za-z0-9+/=]{8,}",
        "sk-[A-Za-z0-9_-]{12,}",
        "gh[pousr]_[A-Za-z0-9]{8,}",
        "github_pat_[A-Za-z0-9_]{8,}",
        "gl[a-z]{2,5}-[A-Za-z0-9_-]{16,}",
        "xox[a-z]-[A-Za-z0-9-]{8,}",
        "xapp-[A-Za-z0-9-]{8,}",
        "(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}",
        "AIza[A-Za-z0-9_-]{20,}",
        r"ya29\.[A-Za-z0-9_-]{8,}",
        "GOCSPX-[A-Za-z0-9_-]{8,}",
        "npm_[A-Za-z0-9]{16,}",
        "pypi-[A-Za-z0-9_-]{16,}",
        r"SG\.[A-Za-z0-9_.-]{16,}",
        "hf_[A-Za-z0-9]{16,}",
        "pub[0-9a-f]{32}",
    ]
)
_VENDOR_WORDS = (
    *("_live_", "_test_", "whsec_", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "gl", "xox", "xapp-"),
    *("akia", "asia", "abia", "acca", "aiza", "ya29.", "gocspx-", "npm_", "pypi-", "sg.", "hf_", "pub"),
)
_NAME_WORDS = ("passw", "passphrase", "passcode", "pwd", "secret", "token", "credential", "key", "cookie", "bearer")
_SEGMENT = r"""[^\s/\\"'<>|:;,(){}\[\]]"""

#: Id of a rule, words of which one occurs wherever it matches (lower case), pattern, and what is put in its place.
#: Nothing that can fail follows an unbounded repetition, so that no text takes more than linear time.
_RULES: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    (
        "private-key",
        ("-----begin",),
        r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----))*(?:-----END[^-]{0,60}-----)?",
        "{mark}",
    ),
    ("cookie", ("cookie",), r"(?i)(cookie[\"']?[ \t]{0,4}:[ \t]{0,4})" + _NEW + r"[^\r\n]+", r"\1{mark}"),
    (
        "authorization",
        ("authorization",),
        r"(?i)(authorization\\{0,4}[\"']?[ \t]{0,4}[:=][ \t]{0,4})" + _NEW + r"[^\r\n]+",
        r"\1{mark}",
    ),
    ("bearer", ("bearer",), r"(?i)(bearer[ \t+]{1,4})(?!\[REDACTED)[A-Za-z0-9._~+/=-]{4,}", r"\1{mark}"),
    ("basic", ("basic",), r"(?i)(basic[ \t+]{1,4})(?=[a-z+/]{0,40}[0-9=]|[a-z+/]{16})[a-z0-9+/=]{6,}", r"\1{mark}"),
    ("jwt", ("eyj",), _EDGE + r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}", "{mark}"),
    ("vendor-key", _VENDOR_WORDS, f"{_EDGE}(?:{_VENDORS})", "{mark}"),
    ("slack-token", ("hooks.slack.com",), r"(hooks\.slack\.com/)[^\s\"']+", r"\1{mark}"),
    ("url-userinfo", ("@",), r"(://)(?!\[REDACTED)[^\s/@\"']{1,512}@", r"\1{mark}@"),
    (
        "flag",
        _NAME_WORDS,
        rf"(?i)((?<![\w-])--?[\w-]{{0,40}}?(?:{_NAMES})[\w-]{{0,20}}[ \t]{{1,4}}){_NEW}{_VALUE}",
        r"\1{mark}",
    ),
    (
        "assignment",
        _NAME_WORDS,
        (
            rf"(?i)((?:{_NAMES})[\w-]{{0,20}}\\{{0,4}}[\"']?\]?[ \t]{{0,4}}(?:=>|==|=(?![=>])|:=|:(?!=))[ \t]{{0,4}})"
            rf"{_NEW}(?![ \t]*\d{{1,12}}(?:[\s,.;)}}]|$)){_VALUE}"
        ),
        r"\1{mark}",
    ),
    ("email", ("@",), r"(?<![\w.%+-])[\w.%+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+", "{mark}"),
)
_PATHS = (
    # Homes, of whomever: `~`.
    (r"(?i)(?<![\w.~-])[a-z]:[\\/]{1,4}(?:users|documents and settings)[\\/]{1,4}" + _SEGMENT + "+", "~"),
    (r"(?<![\w.~-])(?:/(?:home|Users|var/home|export/home)/" + _SEGMENT + r"+|/(?:var/)?root(?![\w.-]))", "~"),
    # In quotes, names may have spaces.
    (r"""(?<=["'])(~?)[\\/][^"'\r\n]*[\\/](?=[^"'\\/\r\n]*["'])""", r"\1/.../"),
    (r"""(?<=["'])[A-Za-z]:[\\/][^"'\r\n]*[\\/](?=[^"'\\/\r\n]*["'])""", "/.../"),
    (r"(?<![\w.~/-])[A-Za-z]:[\\/]{1,2}(?:" + _SEGMENT + r"+[\\/]{1,4})+", "/.../"),
    (r"(?<!\\)\\\\(?:" + _SEGMENT + r"+\\{1,2})+", "/.../"),
    (r"(~)[\\/]{1,4}(?!\.\.\./)(?:" + _SEGMENT + r"+[\\/]{1,4})+", r"\1/.../"),
    (r"(?:(?<![\w.~/-])|(?<=file://))/(?!\.\.\./)(?:" + _SEGMENT + "+/)+", "/.../"),
)
_SENSITIVE_NAME = rf"(?i)(?:^|[_.-])(?:{_NAMES}|pass|auth)s?(?:[_.-](?:id|value))?$"
_compiled: dict[str, re.Pattern[str]] = {}
_known: list[str] = []


def clean(text: str, limit: int = LIMIT) -> str:
    """Return a text without secrets, personal data and paths, of at most `limit` characters; for any thread.

    What is found is `[REDACTED:rule]`, a home directory is `~`, other directories are `...`. It is redacted first and
    cut then, so that no part of a secret is left at the limit.
    """
    text, cut = _window(text)
    for value in _known_values():
        text = text.replace(value, "[REDACTED:known-value]")
    lower = text.lower()
    for rule, words, pattern, replacement in _RULES:
        if any(word in lower for word in words):
            text = _pattern(pattern).sub(replacement.replace("{mark}", f"[REDACTED:{rule}]"), text)
    text = _without_restless(_without_paths(text))
    if len(text) > limit or cut:
        text = text[: max(limit - len(MARK), 0)] + MARK
    return text


def is_sensitive(name: str) -> bool:
    """Return whether what stands under this name is a secret, whatever it looks like."""
    return _pattern(_SENSITIVE_NAME).search(name) is not None


def forget_known_values() -> None:
    """Look the secrets of this process up again when they are next needed."""
    _known.clear()


def _window(text: str) -> tuple[str, bool]:
    if len(text) > WINDOW:
        head = text[:WINDOW]
        last = max(head.rfind(space) for space in " \t\n")
        return head[: last + 1].encode("utf-8", "replace").decode(), True
    return text.encode("utf-8", "replace").decode(), False


def _pattern(source: str) -> re.Pattern[str]:
    found = _compiled.get(source)
    if found is None:
        import re  # takes longer than the rest of this package, and many commands need no pattern

        found = _compiled[source] = re.compile(source)
    return found


def _without_paths(text: str) -> str:
    if "/" not in text and "\\" not in text:
        return text
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE") or ""
    if len(home) > 3:  # noqa: PLR2004 - `/` and `C:\` are no homes
        import re

        text = re.sub(r"(?<![\w.~-])" + re.escape(home) + r"(?![\w.-])", "~", text)
    for pattern, replacement in _PATHS:
        text = _pattern(pattern).sub(replacement, text)
    return text


def _without_restless(text: str) -> str:
    """Remove what is as long and mixed as only keys are; hashes have letters of one case and stay."""
    if len(text) < 32:  # noqa: PLR2004 - as in the pattern
        return text
    text = _pattern(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{32,}").sub(_if_restless, text)
    # The secret access keys of AWS: forty characters of base64, in which slashes are no separators.
    return _pattern(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=.])").sub(_if_restless, text)


def _if_restless(match: re.Match[str]) -> str:
    word = match[0]
    mixed = any(c.isdigit() for c in word) and word != word.lower() and word != word.upper()
    return "[REDACTED:restless]" if mixed else word


def _known_values() -> list[str]:
    """Return secrets that this process was given: in its environment, and after flags on its command line."""
    if not _known:
        values = {*_of_environment(os.environ), *_of_arguments(sys.argv[1:])}
        _known.extend(sorted((value for value in values if len(value) >= 6), key=len, reverse=True))  # noqa: PLR2004
        _known.append("\0")  # looked up, though there may be none
    return _known


def _of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if len(value) >= 8 and not value.isdigit() and os.sep not in value[:1] and is_sensitive(name):  # noqa: PLR2004
            yield value


def _of_arguments(arguments: Iterable[str]) -> Iterator[str]:
    flag = ""
    for argument in arguments:
        name, _, value = argument.partition("=")
        if flag and not argument.startswith("--"):
            yield argument
        flag = name if name.startswith("-") and not value and is_sensitive(name) else ""
        if value and name.startswith("-") and is_sensitive(name):
            yield value
