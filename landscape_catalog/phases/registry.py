"""The phase rules: each has a file of its own and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Discriminator, Tag

from landscape_catalog.phases.rule import Rule
from landscape_catalog.phases.yang2021 import Yang2021

DEFAULT_RULE = Yang2021

_LISTED: tuple[type[Rule], ...] = (Yang2021,)


def rule_name(rule: type[Rule]) -> str:
    """The name of a rule in `classify.rule`."""
    return str(rule.model_fields["rule"].default)


RULES: dict[str, type[Rule]] = {rule_name(rule): rule for rule in _LISTED}


def one_of(rules: dict[str, type[Rule]]) -> Any:
    """The type of the `classify` section: the class named by its `rule`, by default the paper's.

    Args:
        rules: by name, including the default.
    """
    if len(rules) == 1:
        return next(iter(rules.values()))

    def name_in(section: Any) -> Any:
        if isinstance(section, Rule):
            return section.rule
        named = section.get("rule") if isinstance(section, dict) else None
        return rule_name(DEFAULT_RULE) if named is None else named

    members = tuple(Annotated[rule, Tag(name)] for name, rule in rules.items())
    unknown = " or ".join(f"'{name}'" for name in rules)
    return Annotated[
        Union[members],
        Discriminator(name_in, custom_error_type="unknown_rule", custom_error_message=unknown),
    ]


if TYPE_CHECKING:
    Classify = Rule
else:
    Classify = one_of(RULES)


def rule_of(settings: dict[str, Any]) -> Rule:
    """The rule for stored settings, as in the `classify` column of the catalog."""
    return RULES[settings.get("rule", rule_name(DEFAULT_RULE))].model_validate(settings)
