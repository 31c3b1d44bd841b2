"""What commands end with, beside 0, 2 (usage, by click) and 128 + the number of a signal."""

from __future__ import annotations

FAILED = 1
UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h: a destination, or what a command needs
CONFIGURATION = 78  # EX_CONFIG of sysexits.h
