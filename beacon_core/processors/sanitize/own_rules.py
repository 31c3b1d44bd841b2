"""Reads rule files of users (YAML): what is wrong is said with file, line and column, and a slow expression is refused.

A rule file:

    rules:
      - id: acme-token
        description: Tokens of ACME's build service.
        pattern: 'acme_(?P<secret>[0-9a-f]{32})'     # of Python's `re`; the group `secret`, else the whole match
        keywords: [acme_]                             # lower case; left out where the pattern itself tells them
        entropy: 3                                    # bits a character that a find has at least
        action: redact                                # or drop, hash, {first: 4, last: 4}
        examples: [acme_00112233445566778899aabbccddeeff]   # texts in which it has to find something
        non_examples: [acme_status]                         # texts in which it must not
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field, StringConstraints

from beacon_core.config import ComponentConfig
from beacon_core.errors import ConfigurationError
from beacon_core.processors.sanitize.anchors import required_words
from beacon_core.processors.sanitize.config import Action
from beacon_core.processors.sanitize.linear import problem
from beacon_core.processors.sanitize.rules import Rule, marker

if TYPE_CHECKING:  # what reads YAML is loaded when the first file is read
    from beacon_core.config import Document, Problems

_Keyword = Annotated[str, StringConstraints(pattern=r"^[!-@\[-~]+$", min_length=2)]


class OwnRule(ComponentConfig):
    """One rule of a rule file."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    """Stands in the marker and in the counts."""

    description: str = ""
    """What it finds."""

    pattern: str
    """Regular expression of Python's `re`, that takes linear time. The group `secret` is the secret, else the match."""

    keywords: list[_Keyword] = Field(default_factory=list)
    """Lower-case words without spaces: a text without any of them is not looked at."""

    entropy: float = Field(default=0, ge=0, le=8)
    """Bits a character that a find has at least; less is a word or a placeholder."""

    action: Action = "redact"
    """What is done with a find."""

    examples: list[str] = Field(default_factory=list)
    """Texts in which it has to find something."""

    non_examples: list[str] = Field(default_factory=list)
    """Texts in which it must not find anything."""


class RuleFile(ComponentConfig):
    """A rule file."""

    rules: list[OwnRule] = Field(min_length=1)
    """The rules, in the order in which they are applied."""


class OwnRules(NamedTuple):
    """The rules of users, and the actions of those that have one."""

    rules: tuple[Rule, ...]
    actions: Mapping[str, Action]


def read_rule_files(paths: Iterable[FilePath], taken: Iterable[str]) -> OwnRules:
    """Return the rules of all files.

    Args:
        paths: of the files.
        taken: ids that other rules have.

    Raises:
        ConfigurationError: a line for each problem of all files, with `file:line:column`.
    """
    ids = dict.fromkeys(taken, "a rule of Beacon")
    rules: list[OwnRule] = []
    problems: list[str] = []
    for path in paths:
        try:
            rules += read_rules(path.read_text("utf-8-sig"), str(path), ids)
        except ConfigurationError as error:
            problems.append(str(error))
        except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path with a null character
            problems.append(
                f"{path} cannot be read ({getattr(error, 'strerror', None) or error}); check the option rules"
            )
    if problems:
        raise ConfigurationError("\n".join(problems))
    actions = {rule.id: rule.action for rule in rules if rule.action != "redact"}
    return OwnRules(tuple(map(_rule, rules)), actions)


def read_rules(text: str, name: str, ids: dict[str, str]) -> list[OwnRule]:
    """Return the rules of one file.

    Args:
        text: its content.
        name: what positions call it.
        ids: those that are taken, and by what; the file's own are added.

    Raises:
        InvalidConfigurationError: every problem, with its position.
    """
    from beacon_core.config import Document, Problems, parse_text  # noqa: PLC0415 - not needed without such a file

    problems = Problems()
    root = parse_text(text, name, problems, expected="a rule file is a map with the key rules")
    read: Sequence[OwnRule] = ()
    if root is not None:
        document = Document(root, problems)
        file = document.validate((), RuleFile, problems)
        read = file.rules if file else ()
        for number, rule in enumerate(read):
            _check(rule, number, document, problems, ids)
    problems.raise_if_any()
    return list(read)


def _check(rule: OwnRule, number: int, document: Document, problems: Problems, ids: dict[str, str]) -> None:
    """Add what is wrong with a rule to the problems."""

    def report(member: str | int, message: str, *more: int) -> None:
        problems.append(document.problem(("rules", number, member, *more), message))

    if rule.id in ids:
        report("id", f'"{rule.id}" is {ids[rule.id]} already; choose another id')
    ids[rule.id] = f"rules[{number}]"
    complaint = problem(rule.pattern)
    if complaint:
        report("pattern", complaint)
        return
    if not rule.keywords and not required_words(rule.pattern):
        report("pattern", "no word of three letters stands in every match; say in keywords which do")
        return
    made = _rule(rule)
    for member, expected, message in (
        ("examples", True, "the rule finds nothing in this"),
        ("non_examples", False, "the rule finds something in this"),
    ):
        for place, example in enumerate(getattr(rule, member)):
            if _finds(made, example) is not expected:
                report(member, message, place)


def _rule(rule: OwnRule) -> Rule:
    return Rule(
        id=rule.id,
        kind="credential",
        keywords=tuple(rule.keywords) or required_words(rule.pattern),
        sources=(rule.pattern,),
        replacement=marker(rule.id),
        entropy=rule.entropy,
        description=rule.description,
    )


def _finds(rule: Rule, text: str) -> bool:
    """Say if a rule finds something; its keyword has to be there, too."""
    lower = text.lower()
    if not any(keyword in lower for keyword in rule.keywords):
        return False
    return any(
        rule.is_random(match[pattern.group]) for pattern in rule.patterns for match in pattern.matches(text, lower)
    )
