"""Plans by statement text, by digest, and by the types of bound parameters (pure).

Three ways lead to a plan: the exact text; the text without its literals, whose values are then
bound, except those the plan depends on (`Template.pinned`); and for prepared statements the
Python types of the parameters, since a comparison is compiled for the types it compares.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, evolve, field

from engine.results import Column
from engine.sql.parse.statements import Parsed
from engine.sql.plans import Plan

MOST_TEXTS: Final = 2000
MOST_TEMPLATES: Final = 2000
MOST_VARIANTS: Final = 64
LONGEST_TEXT: Final = 8192

Kinds = tuple[type, ...]


@define(eq=False)
class Statement:
    """A prepared statement, or a text statement with its literals' values.

    Shared by all sessions that prepare the same text under the same settings.
    """

    sql: str
    settings: int  # the session settings its plans are for
    database: str | None  # names without a schema mean this one's, whatever USE said since
    parsed: Parsed | None = None
    literals: tuple[Any, ...] | None = None  # of a text statement
    plan: Plan | None = None  # the one used last
    kinds: Kinds | None = None  # it is for; None: for any
    variants: dict[Kinds, Plan] = field(factory=dict)
    param_count: int = 0
    columns: tuple[Column, ...] = ()
    rows: list[list[Any]] | None = None  # of a long VALUES list, for an INSERT by parameters

    others: dict[int, Statement] = field(factory=dict)  # the same under other settings
    foreign: bool = False  # made for settings it was not prepared under

    def under(self, settings: int) -> Statement:
        """The statement for a session whose settings changed since it was prepared."""
        found = self.others.get(settings)
        if found is None:
            literals = self.literals if self.param_count or self.rows else ()
            found = evolve(self, settings=settings, plan=None, kinds=None, variants={}, others={},
                           literals=literals, foreign=True)  # fmt: skip
            self.others[settings] = found
        return found

    def remember(self, kinds: Kinds, plan: Plan) -> None:
        if len(self.variants) >= MOST_VARIANTS:
            self.variants.clear()
        self.variants[kinds] = plan


@define(eq=False)
class Template:
    """All plans of one digest: `pinned` are the literals whose values a plan depends on."""

    pinned: tuple[int, ...]
    plans: dict[tuple[Any, ...], Plan] = field(factory=dict)


class PlanCache:
    """The instance's plans; entries of older catalogue versions are replaced when met."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, int], Statement] = {}
        self.templates: dict[tuple[str, str, int], Template] = {}
        self._settings: dict[Any, int] = {}
        self.hits = 0
        self.misses = 0

    def settings_key(self, settings: Any) -> int:
        """A small number for a set of session settings."""
        return self._settings.setdefault(settings, len(self._settings))

    def keep_text(self, statement: Statement) -> None:
        if len(statement.sql) > LONGEST_TEXT:
            return
        texts = self.texts
        if len(texts) >= MOST_TEXTS:  # drop the older half: dicts keep insertion order
            for key in list(texts)[: MOST_TEXTS // 2]:
                del texts[key]
        texts[statement.sql, statement.settings] = statement

    def keep_template(self, key: tuple[str, str, int], template: Template) -> None:
        if len(self.templates) >= MOST_TEMPLATES:
            for old in list(self.templates)[: MOST_TEMPLATES // 2]:
                del self.templates[old]
        self.templates[key] = template

    def keep_plan(self, template: Template, pinned: tuple[Any, ...], plan: Plan) -> None:
        if len(template.plans) >= MOST_VARIANTS:
            template.plans.clear()
        template.plans[pinned] = plan
