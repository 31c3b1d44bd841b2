"""Tests that a find has to pass where a regular expression alone would find too much."""

from __future__ import annotations

import base64
import binascii
import math
from collections import Counter
from collections.abc import Callable, Mapping


def _is_user_and_password(text: str) -> bool:
    """Say if `text` is base64 of `user:password` (RFC 7617)."""
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in decoded


CHECKS: Mapping[str, Callable[[str], bool]] = {"": lambda _text: True, "user-and-password": _is_user_and_password}


def entropy(text: str) -> float:
    """Return the Shannon entropy of a text in bits a character."""
    length = len(text)
    return -sum(count / length * math.log2(count / length) for count in Counter(text).values())
