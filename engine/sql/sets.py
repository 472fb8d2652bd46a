"""SET: system variables, user variables, NAMES, TRANSACTION, PASSWORD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import error
from engine.results import Ok, Result
from engine.sql import users
from engine.sql.compile.calls import variable_form
from engine.sql.compile.context import compile_expression
from engine.sql.compile.scope import Scope
from engine.sql.parse import admin_nodes as admin
from engine.sql.parse import ast
from engine.sql.plans import SelectPlan
from engine.sql.types import SqlType
from engine.sql.variables import DEFAULT

if TYPE_CHECKING:
    from engine.sql.executor import SqlSession


async def run_set(session: SqlSession, node: admin.Set) -> Result:
    for item in node.items:
        if isinstance(item, admin.SetVariable):
            await _set_variable(session, item)
        elif isinstance(item, admin.SetUserVariable):
            value, kind = evaluate(session, item.value)
            session.user_variables[item.name] = (value, kind)
        elif isinstance(item, admin.SetNames):
            session.variables.set_names(item.charset, item.collation)
        elif isinstance(item, admin.SetCharacterSet):
            session.variables.set_character_set(item.charset)
        elif isinstance(item, admin.SetTransaction):
            _set_transaction(session, item)
        else:
            await users.execute_account(session, item)
    return Ok()


async def _set_variable(session: SqlSession, item: admin.SetVariable) -> None:
    before = session.variables.autocommit
    if item.value is None:
        session.variables.assign(item.name, item.scope, DEFAULT)
    else:
        value, _ = evaluate(session, _as_word(item.value))
        session.variables.assign(item.name, item.scope, value)
    if session.variables.autocommit and not before:
        await session.transaction.commit()  # "autocommit" in the manual: 0 to 1 commits


def _as_word(value: ast.Expr) -> ast.Expr:
    """SET x = some_word: a bare name is text here."""
    if isinstance(value, ast.ColumnRef) and value.table is None:
        return ast.Literal(value.name, "string")
    return value


def _set_transaction(session: SqlSession, item: admin.SetTransaction) -> None:
    if item.scope == "" and session.transaction.active:
        raise error(1568)
    session.variables.set_transaction(item.scope, item.isolation, item.read_only)


def evaluate(session: SqlSession, node: ast.Expr) -> tuple[Any, SqlType]:
    """The value of an expression outside any table, in the form user variables have."""
    cx = session.request(0, None).context()
    code = variable_form(cx, compile_expression(cx, Scope(), node))
    sql = f"SELECT {code.sql}"
    slots = cx.binder.slots(sql, -1)
    tables = [cx.catalog.table(schema, name) for schema, name in sorted(cx.tables)]
    plan = SelectPlan(
        version=cx.catalog.version, sql=sql, slots=slots, functions=frozenset(cx.functions),
        virtual=tuple(table for table in tables if table.virtual),
    )  # fmt: skip
    session.bindings.ensure(plan)
    value = session.db.execute(sql, slots.bind((), session)).fetchall()[0][0]
    if code.type.name == "bigint" and code.type.unsigned and value is not None:
        value = int(value)
    return value, code.type
