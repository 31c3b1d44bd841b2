"""Values as people read them, and texts of unknown origin in a form that a terminal, Markdown or HTML cannot obey."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

#: Agent -> its name for people.
_AGENTS = {
    "claude_code": "Claude Code",
    "claude_cowork": "Claude Cowork",
    "claude_agent_sdk": "Claude Agent SDK",
    "codex_cli": "Codex CLI",
    "gemini_cli": "Gemini CLI",
    "copilot_cli": "Copilot CLI",
    "vscode_copilot": "Copilot in VS Code",
}
#: What means something in Markdown or in GitHub's additions to it, and the beginnings of HTML and of links.
_MARKUP = re.compile(r"[&<>`|\\*~\[\]$@#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=:)//|(?<=www)\.", re.IGNORECASE)
_SECOND, _MINUTE, _HOUR = 1000, 60_000, 3_600_000


def printable(text: str) -> str:
    """Return a text of one line without characters that do anything: controls, terminal escapes, directions.

    A line break becomes a sign for it, what cannot be printed the replacement character.
    """
    if text.isprintable():
        return text
    return "".join(map(_printable, text.replace("\r\n", "\n")))


def markdown_text(text: str) -> str:
    """Return a text that stays a text in a cell of a Markdown table: no markup, no HTML, no link."""
    return _MARKUP.sub(_as_references, printable(text))


def agent_words(name: str) -> str:
    """Return an agent's name for people; one that is not known keeps its own."""
    return _AGENTS.get(name, name)


def number_words(number: int) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}"


def counted_words(number: int, word: str) -> str:
    """Return a number of things, such as `1 session` and `2 sessions`."""
    return f"{number_words(number)} {word}{'' if number == 1 else 's'}"


def listed_words(title: str, numbers: Mapping[str, int]) -> str:
    """Return numbers by name in one line, such as `Files: 1 created, 2 read`; empty if there are none."""
    told = ", ".join(f"{number_words(number)} {name}" for name, number in sorted(numbers.items()))
    return f"{title}: {told}" if told else ""


def short_number_words(number: int) -> str:
    """Return a number in about three digits."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if number >= size:
            value = number / size
            return f"{value:,.0f}{unit}" if value >= 100 else f"{value:.1f}{unit}"  # noqa: PLR2004 - three digits
    return str(number)


def shortened_words(text: str, longest: int) -> str:
    """Return a printable text of at most `longest` characters."""
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def cost_words(cost_usd: Decimal | None) -> str:
    """Return US dollars, as exactly as their size asks for; a dash where nobody told any."""
    if cost_usd is None:
        return "-"
    return f"${cost_usd:,.2f}" if cost_usd >= 1 or not cost_usd else f"${cost_usd:.4f}"


def duration_words(duration_ms: int) -> str:
    """Return a duration in at most two units."""
    if duration_ms < _SECOND:
        return f"{duration_ms} ms"
    if duration_ms < _MINUTE:
        return f"{duration_ms / _SECOND:.1f} s"
    if duration_ms < _HOUR:
        return _two_units(duration_ms // _MINUTE, "min", duration_ms % _MINUTE // _SECOND, "s")
    return _two_units(duration_ms // _HOUR, "h", duration_ms % _HOUR // _MINUTE, "min")


def time_words(unix_nano: int) -> str:
    """Return a time in UTC, to the second; a dash where there is none."""
    moment = _moment(unix_nano)
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "-"


def _two_units(large: int, unit: str, small: int, smaller_unit: str) -> str:
    return f"{large} {unit} {small} {smaller_unit}" if small else f"{large} {unit}"


def _as_references(markup: re.Match[str]) -> str:
    return "".join(f"&#{ord(character)};" for character in markup[0])


def _moment(unix_nano: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(unix_nano // 1_000_000_000, UTC) if unix_nano > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _printable(character: str) -> str:
    if character == "\n":
        return "\N{RETURN SYMBOL}"
    if character.isspace():
        return " "
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
