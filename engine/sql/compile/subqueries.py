"""Subqueries in expressions: scalar, EXISTS, IN, ANY and ALL."""

from __future__ import annotations

from engine.errors import error
from engine.sql.compile import forms
from engine.sql.compile.code import Code
from engine.sql.compile.comparisons import boolean, comparable, compare
from engine.sql.compile.context import Context, compile_expression, rule
from engine.sql.compile.queries import CompiledQuery, compile_query
from engine.sql.compile.scope import Scope
from engine.sql.parse import ast


def _inner(cx: Context, scope: Scope, query: ast.Query) -> CompiledQuery:
    before = cx.clause
    compiled = compile_query(cx, scope, query, aliased=True)
    cx.clause = before
    return compiled


@rule(ast.Subquery)
def compile_subquery(cx: Context, scope: Scope, node: ast.Subquery) -> Code:
    query = _inner(cx, scope, node.query)
    if len(query.columns) != 1:
        raise error(1241, 1)
    code = query.columns[0].code
    sql = f"({query.sql})"
    if not query.single_row:  # SQLite would take the first row in silence; MySQL says 1242
        sql = f"(SELECT {cx.use('m_single')}(c0) FROM ({query.sql}))"
    return Code(code.type, True, sql=sql)


@rule(ast.Exists)
def compile_exists(cx: Context, scope: Scope, node: ast.Exists) -> Code:
    return boolean(f"EXISTS ({_inner(cx, scope, node.query).sql})", nullable=False)


def compile_in_query(cx: Context, scope: Scope, node: ast.In) -> Code:
    assert not isinstance(node.items, list)
    operands = node.operand.items if isinstance(node.operand, ast.Row) else [node.operand]
    codes = [compile_expression(cx, scope, operand) for operand in operands]
    query = _inner(cx, scope, node.items)
    if len(query.columns) != len(codes):
        raise error(1241, len(codes))
    alias = cx.next_source()
    left, right = [], []
    for at, (code, column) in enumerate(zip(codes, query.columns, strict=True)):
        inner = Code(column.code.type, column.code.nullable, sql=f"{alias}.c{at}",
                     column_collation=column.code.column_collation)  # fmt: skip
        first, second = comparable(cx, [code, inner])
        left.append(first.sql)
        right.append(second.sql)
    plain = all(sql == f"{alias}.c{at}" for at, sql in enumerate(right))
    inner_sql = query.sql if plain else f"SELECT {', '.join(right)} FROM ({query.sql}) AS {alias}"
    operand_sql = left[0] if len(left) == 1 else f"({', '.join(left)})"
    negation = "NOT " if node.negated else ""
    return boolean(f"({operand_sql} {negation}IN ({inner_sql}))")


@rule(ast.Quantified)
def compile_quantified(cx: Context, scope: Scope, node: ast.Quantified) -> Code:
    if (node.op == "=" and not node.all) or (node.op == "<>" and node.all):
        return compile_in_query(cx, scope, ast.In(node.left, node.query, node.op == "<>"))
    left = compile_expression(cx, scope, node.left)
    query = _inner(cx, scope, node.query)
    if len(query.columns) != 1:
        raise error(1241, 1)
    alias = cx.next_source()
    column = query.columns[0].code
    inner = Code(column.type, column.nullable, sql=f"{alias}.c0")
    condition = forms.to_boolean(cx, compare(cx, node.op, left, inner))
    source = f"SELECT 1 FROM ({query.sql}) AS {alias} WHERE"
    if node.all:
        return boolean(f"(NOT EXISTS ({source} {condition} IS NOT TRUE))")
    return boolean(f"EXISTS ({source} {condition})")
