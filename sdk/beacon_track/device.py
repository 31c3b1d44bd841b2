"""The id of an installation: a random number that says nothing about the machine or its user [T13]."""

from __future__ import annotations

import os

FILE = "installation-id"
_LENGTH = 36


def new_uuid() -> str:
    """Return a random UUID (RFC 9562, version 4), without the module that takes a millisecond to import."""
    number = bytearray(os.urandom(16))
    number[6] = number[6] & 0x0F | 0x40
    number[8] = number[8] & 0x3F | 0x80
    digits = number.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def installation_id(directory: str) -> str:
    """Return the id that is kept in a directory, made if there is none; empty where it cannot be kept."""
    path = os.path.join(directory, FILE)
    try:
        with open(path, "rb") as file:
            return _valid(file.read(64))
    except FileNotFoundError:
        pass
    except OSError:
        return ""
    made = new_uuid()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:  # another process has just made one: the next command finds it
        return ""
    try:
        whole = os.write(descriptor, made.encode("ascii")) == _LENGTH
    except OSError:
        whole = False
    finally:
        os.close(descriptor)
    if not whole:
        os.unlink(path)
    return made if whole else ""


def _valid(content: bytes) -> str:
    text = content.decode("ascii", "replace").strip()
    signs = set(text) - set("0123456789abcdef-")
    return text if len(text) == _LENGTH and not signs else ""
