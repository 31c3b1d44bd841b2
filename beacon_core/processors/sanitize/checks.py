"""Tests that a find has to pass where a regular expression alone would find too much."""

from __future__ import annotations

import base64
import binascii
import ipaddress
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


def _is_card_number(text: str) -> bool:
    """Say if `text` passes the check of payment cards: every second digit doubled, from the right (ISO/IEC 7812-1)."""
    digits = [int(character) for character in text if character.isdigit()]
    doubled = [digit if place % 2 == 0 else digit * 2 - 9 * (digit > _HALF) for place, digit in enumerate(digits[::-1])]
    return sum(doubled) % 10 == 0


_HALF = 4


def _is_address(text: str) -> bool:
    """Say if `text` is an address of IP that tells a host."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _is_phone_number(text: str) -> bool:
    """Say if `text` has as many digits as a telephone number (ITU-T E.164 section 6) and no open bracket."""
    digits = sum(character.isdigit() for character in text)
    return _FEWEST_DIGITS <= digits <= _MOST_DIGITS and text.count("(") == text.count(")")


_FEWEST_DIGITS, _MOST_DIGITS = 8, 15

CHECKS: Mapping[str, Callable[[str], bool]] = {
    "": lambda _text: True,
    "card-number": _is_card_number,
    "ip-address": _is_address,
    "phone-number": _is_phone_number,
    "user-and-password": _is_user_and_password,
}


def entropy(text: str) -> float:
    """Return the Shannon entropy of a text in bits a character."""
    length = len(text)
    return -sum(count / length * math.log2(count / length) for count in Counter(text).values())
