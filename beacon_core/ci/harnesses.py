"""The agents that a session knows how to ask for telemetry."""

from __future__ import annotations

#: As they are asked for and called -> as `canonicalize` and `fingerprint` name them.
HARNESSES = {"claude": "claude_code", "codex": "codex_cli", "gemini": "gemini_cli", "copilot": "copilot_cli"}
