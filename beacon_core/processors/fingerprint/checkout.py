"""Reads from a checkout's files which commit and branch are checked out, without git: no process, and never an error.

Knows loose and packed refs, detached heads, and `.git` files (worktrees, submodules). Where refs are kept otherwise
(reftable) nothing is found.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from beacon_core.processors.fingerprint.files import read_bounded

_LINE_BYTES = 4096
_PACKED_BYTES = 4 * 1024 * 1024  # some 60,000 refs; in larger ones nothing is looked for
_MAX_PARENTS = 64
_REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"refs/heads/(?!\.invalid$)[^\x00-\x20\x7f~^:?*\\\[]+")


class Checkout(NamedTuple):
    """What is checked out; empty where that is not known.

    Attributes:
        revision: the commit's id.
        ref: the branch as `refs/heads/...`; empty if the head is detached.
    """

    revision: str = ""
    ref: str = ""


def read_checkout(directory: Path) -> Checkout:
    """Return what the checkout that `directory` is in has checked out."""
    git = _git_directory(directory)
    head = _line(git / "HEAD") if git is not None else ""
    if git is None or _REVISION.fullmatch(head):
        return Checkout(head)
    ref = head.removeprefix("ref:").strip()
    if not _REF.fullmatch(ref) or ".." in ref:
        return Checkout()
    return Checkout(_revision(_common_directory(git), ref), ref)


def _git_directory(directory: Path) -> Path | None:
    for folder in (directory, *directory.parents)[:_MAX_PARENTS]:
        git = folder / ".git"
        try:
            if git.is_dir():
                return git
        except (OSError, ValueError):
            return None
        way = _line(git)
        if way:
            return folder / way.removeprefix("gitdir:").strip() if way.startswith("gitdir:") else None
    return None


def _common_directory(git: Path) -> Path:
    """Return where the refs are: of a worktree they are in the main checkout's directory."""
    way = _line(git / "commondir")
    return git / way if way else git


def _revision(common: Path, ref: str) -> str:
    loose = _line(common / ref)
    if _REVISION.fullmatch(loose):
        return loose
    packed = b"\n" + read_bounded(common / "packed-refs", _PACKED_BYTES) + b"\n"
    end = packed.find(b" " + ref.encode("utf-8", "surrogateescape") + b"\n")  # ten times faster than a pattern
    found = packed[packed.rfind(b"\n", 0, end) + 1 : end].decode("latin-1") if end >= 0 else ""
    return found if _REVISION.fullmatch(found) else ""


def _line(path: Path) -> str:
    content = read_bounded(path, _LINE_BYTES).decode("utf-8", "surrogateescape")
    return content.strip("\r\n")
