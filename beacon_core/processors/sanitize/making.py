"""Makes of the options what works with them: rules, actions, what redacts texts, what selects attributes."""

from __future__ import annotations

from collections.abc import Mapping

from beacon_core.errors import ConfigurationError
from beacon_core.processors.sanitize.actions import Actions, resolve
from beacon_core.processors.sanitize.config import Action, SanitizeConfig
from beacon_core.processors.sanitize.keys import SENSITIVE_KEY
from beacon_core.processors.sanitize.known import RULE_ID as KNOWN_VALUE
from beacon_core.processors.sanitize.known import KnownValues
from beacon_core.processors.sanitize.rules import Rule, RuleSet, built_in_rules, select
from beacon_core.processors.sanitize.selection import Selection, metadata
from beacon_core.processors.sanitize.text import TextRedactor


def load_rules(options: SanitizeConfig) -> tuple[RuleSet, Actions]:
    """Return the rules that the options ask for, those of the user first, and what is done with their finds.

    Raises:
        ConfigurationError: a line for each problem, with `file:line:column` for those of rule files.
    """
    every = built_in_rules(options.packs, tuple(options.sensitive_names))
    shipped = select(every, options.personal)
    own, own_actions = _own_rules(options, every)
    rule_ids = [*(rule.id for rule in (*own, *every.rules)), SENSITIVE_KEY, KNOWN_VALUE]
    by_rule = {**own_actions, **resolve(options.rule_actions, rule_ids)}
    if "hash" in by_rule.values() and not options.hash_key:
        raise ConfigurationError('the action hash needs hash_key: "${env:BEACON_HASH_KEY}"')
    off = {rule_id for rule_id, action in by_rule.items() if action == "keep"}
    rules = tuple(rule for rule in (*own, *shipped.rules) if rule.id not in off)
    names = () if SENSITIVE_KEY in off else shipped.names
    key = options.hash_key.get_secret_value().encode() if options.hash_key else b""
    return RuleSet(rules, names, shipped.fragments), Actions(by_rule, options.attribute_actions, key)


def _own_rules(options: SanitizeConfig, shipped: RuleSet) -> tuple[tuple[Rule, ...], Mapping[str, Action]]:
    """Return the rules of the user and their actions."""
    if not options.rules:
        return (), {}
    from beacon_core.processors.sanitize.own_rules import read_rule_files  # noqa: PLC0415 - only who has some needs it

    own = read_rule_files(options.rules, {rule.id for rule in shipped.rules})
    return own.rules, own.actions


def make_redactor(
    options: SanitizeConfig, known: KnownValues, loaded: tuple[RuleSet, Actions] | None = None
) -> TextRedactor:
    """Return what redacts texts as the options say; `loaded` are the rules if they were loaded already."""
    rules, actions = loaded or load_rules(options)
    if actions.keeps(KNOWN_VALUE):
        known = KnownValues()
    return TextRedactor(rules, known, options.max_depth, actions=actions)


def make_selection(options: SanitizeConfig) -> Selection | None:
    """Return what selects attributes, None if all pass."""
    if options.content == "metadata":
        return Selection(options.allowed_keys or (), metadata())
    return None if options.allowed_keys is None else Selection(options.allowed_keys)
