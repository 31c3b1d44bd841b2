"""What a command line says without its values: which command of those that exist, and the names of flags [T2]."""

from __future__ import annotations

from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

UNKNOWN = "unknown"
_LONGEST = 64
_MAX_FLAGS = 64
_MAX_WORDS = 8
#: Of a command line, so many arguments are looked at.
_MAX_TOKENS = 10_000


def command_name(tokens: Sequence[str], commands: Collection[str]) -> str:
    """Return the longest of the known commands that the first tokens name, `unknown` if they name none.

    Tokens are joined by dots: `env claim x` is `env.claim` if that is known.
    """
    words = list(_until_flag(tokens[:_MAX_WORDS]))
    for length in range(len(words), 0, -1):
        name = ".".join(words[:length])
        if name in commands:
            return name
    return UNKNOWN


def flag_names(tokens: Iterable[str]) -> list[str]:
    """Return the names of the flags among tokens, each once, in their order.

    Values are left out, also those that stick to their flag (`--name=value`, `-nvalue`). What comes after `--` and
    negative numbers are no flags.
    """
    found: dict[str, None] = {}
    for token in islice(tokens, _MAX_TOKENS):
        if token == "--":  # noqa: S105 - no password
            break
        name = flag_name(token)
        if name and len(found) < _MAX_FLAGS:
            found[name] = None
    return list(found)


def flag_name(token: str) -> str:
    """Return the name of a flag as it stands on a command line; empty for anything else."""
    if token.startswith("--"):
        name = token[2:].partition("=")[0]
        plain = name.replace("-", "").replace("_", "")
        return (
            f"--{name}" if plain.isascii() and plain.isalnum() and name[0].isalpha() and len(name) <= _LONGEST else ""
        )
    if len(token) > 1 and token[0] == "-" and token[1].isascii() and token[1].isalpha():
        return token[:2]
    return ""


def _until_flag(tokens: Iterable[str]) -> Iterable[str]:
    for token in tokens:
        if token.startswith("-"):
            return
        yield token
