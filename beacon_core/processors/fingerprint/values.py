"""What an environment variable's text is worth as an attribute; all of it may be an attacker's (branch names)."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

#: Characters. A longer value is no name; it is left out, not cut: a cut could hide half a secret from the sanitizer.
MAX_LENGTH = 2048

_ABSENT = frozenset({"", "null", "false"})
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SCP = re.compile(r"[^@/\s]+@([\w.-]+):/*([^/].*)")  # git@host:owner/repository.git
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d+)?")
_PATH_SAFE = "/%!$&'()*+,;=:~"


def clean(text: str) -> str:
    """Return `text` in one line of valid Unicode; empty if it means that there is nothing (agents.md 8.1)."""
    if len(text) > MAX_LENGTH:
        return ""
    line = _CONTROL.sub(" ", text.encode("utf-8", "replace").decode()).strip()
    return "" if line.lower() in _ABSENT else line


def clean_url(text: str) -> str:
    """Return a web address without userinfo, query, fragment and `.git`; empty if `text` is none.

    A repository's SSH address becomes the web address it belongs to, which is what `vcs.repository.url.full` means in
    OpenTelemetry's conventions. A file path is none. An `@` behind the host, or a port that is no number, is a sign of
    credentials that were not encoded: then nothing is returned.
    """
    scp = _SCP.fullmatch(text)
    try:
        parts = urlsplit(f"ssh://{scp[1]}/{scp[2]}" if scp else text)
        host = parts.netloc.rpartition("@")[2]
        scheme = parts.scheme
        if scheme in {"ssh", "git", "git+ssh"}:
            scheme, host = "https", parts.hostname or ""
    except ValueError:
        return ""
    if scheme not in {"http", "https"} or not _HOST.fullmatch(host) or "@" in parts.path + parts.query + parts.fragment:
        return ""
    return f"{scheme}://{host}{quote(re.sub(r'[.]git/?$', '', parts.path), safe=_PATH_SAFE)}"


def clean_revision(text: str) -> str:
    """Return a commit's id; empty for all zeros (no commit yet) and for HEAD, which names none."""
    return "" if text == "HEAD" or not text.strip("0") else text


def split_ref(text: str) -> tuple[str, str]:
    """Return name and type (branch, tag; empty if `text` does not say it) of a git ref."""
    for prefix, kind in (("refs/heads/", "branch"), ("refs/remotes/origin/", "branch"), ("refs/tags/", "tag")):
        if text.startswith(prefix):
            return text.removeprefix(prefix), kind
    return text.removeprefix("origin/"), ""
