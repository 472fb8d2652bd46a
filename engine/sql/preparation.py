"""From text to a `Statement`: caches first, then the parser and the compiler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.sql.parse.lexer import LexerModes
from engine.sql.parse.statements import Parsed, parse_statement
from engine.sql.plancache import Statement, Template
from engine.sql.planner import Planned, make_plan
from engine.sql.plans import CommandPlan, Plan
from engine.sql.text import digest, expand_comments, literal_spans, literal_value

if TYPE_CHECKING:
    from engine.sql.executor import SqlSession


def prepare_statement(session: SqlSession, sql: str) -> Statement:
    """A statement not met before under this text."""
    if "?" not in sql and "/*" not in sql and session.compile_settings.backslash_escapes:
        found = digest(sql)
        if found is not None and found[1]:
            return _by_digest(session, sql, *found)
    parsed = parse(session, sql)
    statement = Statement(
        sql, session.settings, session.database, parsed, param_count=parsed.param_count
    )
    planned = make_plan(session.request(parsed.param_count, None), parsed.node)
    _adopt(statement, planned.plan)
    if not parsed.param_count:
        statement.literals = ()
    session.shared.plans.keep_text(statement)
    return statement


def _adopt(statement: Statement, plan: Plan) -> None:
    statement.columns = plan.columns
    if plan.any_kinds or not statement.param_count:
        statement.plan = plan


def parse(session: SqlSession, sql: str) -> Parsed:
    settings = session.compile_settings
    modes = LexerModes(settings.backslash_escapes, settings.ansi_quotes)
    return parse_statement(expand_comments(sql), modes, pipes_as_concat=settings.pipes_as_concat)


def _by_digest(session: SqlSession, sql: str, text: str, literals: list[str]) -> Statement:
    cache = session.shared.plans
    pairs = [literal_value(literal) for literal in literals]
    kinds = "".join(kind for kind, _ in pairs)
    values = tuple(value for _, value in pairs)
    key = (text, kinds, session.settings)
    template = cache.templates.get(key)
    if template is not None:
        plan = template.plans.get(tuple(values[at] for at in template.pinned))
        if plan is not None:
            statement = Statement(
                sql, session.settings, session.database, None, values, plan, columns=plan.columns
            )
            cache.keep_text(statement)
            return statement
    parsed = parse(session, sql)
    aligned = _aligned(sql, parsed)
    planned = make_plan(session.request(len(values), None, free_literals=aligned), parsed.node)
    plan = planned.plan
    statement = Statement(
        sql, session.settings, session.database, None, values, plan, columns=plan.columns
    )
    if aligned and plan.cacheable and not isinstance(plan, CommandPlan):
        _keep(session, key, values, planned)
    cache.keep_text(statement)
    return statement


def _aligned(sql: str, parsed: Parsed) -> bool:
    """Whether lexer and digest see the same literals."""
    seen = [(token.start, token.end) for token in parsed.tokens if token.literal >= 0]
    return seen == literal_spans(sql)


def _keep(
    session: SqlSession, key: tuple[str, str, int], values: tuple[Any, ...], planned: Planned
) -> None:
    cache = session.shared.plans
    pinned = tuple(at for at in range(len(values)) if at not in planned.freed)
    template = cache.templates.get(key)
    if template is None or template.pinned != pinned:
        template = Template(pinned)
        cache.keep_template(key, template)
    cache.keep_plan(template, tuple(values[at] for at in pinned), planned.plan)


def compile_for(session: SqlSession, statement: Statement, params: Sequence[Any]) -> Plan:
    """A plan for a statement whose own is missing or out of date."""
    if statement.literals and not statement.foreign:
        session.shared.plans.texts.pop((statement.sql, session.settings), None)
        fresh = _by_digest_again(session, statement)
        statement.plan, statement.literals = fresh.plan, fresh.literals
        statement.columns = fresh.columns
        assert statement.plan is not None
        return statement.plan
    parsed = statement.parsed
    if parsed is None:
        parsed = parse(session, statement.sql)
    kinds = tuple(map(type, params)) if statement.param_count else None
    request = session.request(parsed.param_count, kinds, database=statement.database)
    plan = make_plan(request, parsed.node).plan
    statement.plan, statement.columns = plan, plan.columns
    if kinds is not None and plan.cacheable:
        statement.kinds = kinds
        statement.remember(kinds, plan)
    return plan


def _by_digest_again(session: SqlSession, statement: Statement) -> Statement:
    """The digest's plans are of an older catalogue: make one anew."""
    cache = session.shared.plans
    found = digest(statement.sql)
    assert found is not None
    kinds = "".join(literal_value(literal)[0] for literal in found[1])
    cache.templates.pop((found[0], kinds, session.settings), None)
    return _by_digest(session, statement.sql, *found)
