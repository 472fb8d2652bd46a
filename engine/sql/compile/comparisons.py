"""=, <, IN, BETWEEN, LIKE and their kin, by the manual's "Type Conversion in Expression
Evaluation": two strings compare as strings, integers as integers, exact numbers exactly, times as
times, and everything else as double.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import evolve

from engine.errors import error, not_supported
from engine.sql import types, values
from engine.sql.compile import forms
from engine.sql.compile.code import Code, Converter
from engine.sql.compile.context import Context, compile_expression, rule
from engine.sql.compile.scope import Scope
from engine.sql.parse import ast
from engine.sql.types import INTEGRAL_FAMILIES, NUMERIC_FAMILIES, TEMPORAL_FAMILIES

_OPERATORS: Final = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
                     "<=>": "IS"}  # fmt: skip
COMPARISONS: Final = frozenset(_OPERATORS)


def boolean(sql: str, *, nullable: bool = True) -> Code:
    return Code(types.BOOLEAN, nullable, sql=sql)


def comparable(cx: Context, codes: list[Code]) -> list[Code]:
    """All of them converted to the one type they compare in; text gets its collation."""
    families = {code.type.family for code in codes} - {"null"}
    if families <= INTEGRAL_FAMILIES or families == {"double"}:
        return codes
    if families <= NUMERIC_FAMILIES:
        if "double" in families:
            return [code if code.type.family != "decimal" else forms.to_double(cx, code)
                    for code in codes]  # fmt: skip
        return _collated([forms.to_decimal(cx, code) for code in codes], "decimal")
    if families <= types.TEXT_FAMILIES:
        return _as_strings(codes)
    temporal = families & TEMPORAL_FAMILIES
    if temporal and _reads_as_temporal(codes, families, temporal):
        return _as_temporal(cx, codes, temporal)
    if "json" in families:
        return _as_json(cx, codes)
    if families <= types.TEXT_FAMILIES | {"binary"}:
        return [forms.to_bytes(cx, code) for code in codes]
    if families & types.TEXT_FAMILIES and families <= types.TEXT_FAMILIES | TEMPORAL_FAMILIES:
        return _as_temporal(cx, codes, temporal)
    return [forms.to_double(cx, _numeric(cx, code)) for code in codes]


def _numeric(cx: Context, code: Code) -> Code:
    """Constant text beside a number is read once, as an integer where it is one."""
    if code.is_constant and code.type.is_text:
        return forms.converted(code, types.DOUBLE, values.as_number)
    return forms.to_number(cx, code)


def _reads_as_temporal(codes: list[Code], families: set[str], temporal: set[str]) -> bool:
    """Temporal beside text, or beside a constant number such as 20200101."""
    others = families - temporal
    if others <= types.TEXT_FAMILIES:
        return True
    return (
        all(code.is_constant for code in codes if code.type.family in others - types.TEXT_FAMILIES)
        and others <= types.TEXT_FAMILIES | INTEGRAL_FAMILIES
    )


def _as_temporal(cx: Context, codes: list[Code], temporal: set[str]) -> list[Code]:
    if temporal == {"time"}:
        return [_constant(code, types.time(6), values.constant_time) or forms.to_time(cx, code)
                for code in codes]  # fmt: skip
    if temporal == {"date"} and all(
        code.is_constant or code.type.family == "date" for code in codes
    ):
        # A constant is cut to a date at midnight: texts of dates and datetimes order rightly.
        return [_constant(code, types.DATE, values.constant_date) or code for code in codes]
    return [
        _constant(code, types.datetime(6), values.constant_datetime) or forms.to_datetime(cx, code)
        for code in codes
    ]


def _constant(code: Code, kind: types.SqlType, convert: Converter) -> Code | None:
    if code.is_constant and code.type.family not in TEMPORAL_FAMILIES | {"null"}:
        return forms.converted(code, kind, convert)
    return None


def _as_json(cx: Context, codes: list[Code]) -> list[Code]:
    name = cx.use("m_json_sort_key")
    return [
        forms.derived(code, types.varbinary(255), f"{name}({code.sql}, {int(is_json(code))})")
        for code in codes
    ]


def is_json(code: Code) -> bool:
    return code.type.family == "json"


def _as_strings(codes: list[Code]) -> list[Code]:
    collation = string_collation(codes)
    columns = [code for code in codes if code.column_collation and code.type.is_text]
    decisive = codes[0].column_collation or (len(codes) == 2 and bool(columns))
    if decisive and all(_sqlite_collation(code) == collation for code in columns):
        return codes
    return _collated(codes, collation)


def _sqlite_collation(code: Code) -> str:
    return "BINARY" if code.type.case_sensitive else "NOCASE"


def string_collation(codes: list[Code]) -> str:
    """SQLite's collation for comparing these: explicit first, then _bin columns win."""
    explicit = [code.collation for code in codes if code.collation]
    if explicit:
        return "BINARY" if explicit[0].endswith("_bin") or explicit[0] == "binary" else "NOCASE"
    columns = [code for code in codes if code.column_collation and code.type.is_text]
    relevant = columns or [code for code in codes if code.type.is_text and not code.is_constant]
    if any(code.type.case_sensitive for code in relevant):
        return "BINARY"
    return "NOCASE"


def _collated(codes: list[Code], collation: str) -> list[Code]:
    """The collation on the first operand decides in SQLite."""
    first = codes[0]
    sql = f"{first.sql} COLLATE {collation}"
    return [Code(first.type, first.nullable, sql=sql), *codes[1:]]


_COLUMN: Final = re.compile(r"\bt\d+\.")


def _hidden(code: Code) -> Code:
    """SQLite takes a term that folds to an integer for a position: a call keeps it from that."""
    if code.fixed is not None:
        return evolve(code, source=None, sql="NULL")
    if code.origin is None and _COLUMN.search(code.sql) is None:
        return evolve(code, source=None, sql=f"coalesce({code.sql}, NULL)")
    return code


def term_key(code: Code) -> str:
    """A GROUP BY or PARTITION BY term."""
    return group_key(_hidden(code))


def sort_key(cx: Context, code: Code) -> str:
    """SQL that orders, groups and compares for equality as MySQL does for this value."""
    kind = code.type
    code = _hidden(code)
    if kind.family in ("enum", "set"):
        return forms.enum_index(cx, code).sql
    if kind.family == "json":
        return f"{cx.use('m_json_sort_key')}({code.sql}, 1)"
    return group_key(code)


def group_key(code: Code) -> str:
    """Also for output columns of DISTINCT; see `term_key` for GROUP BY and ORDER BY terms."""
    kind = code.type
    if kind.is_text:
        wanted = string_collation([code])
        if code.column_collation and code.collation is None:
            return code.sql
        return f"{code.sql} COLLATE {wanted}"
    if kind.family == "decimal" and not code.column_collation:
        return f"{code.sql} COLLATE decimal"
    return code.sql


def compare(cx: Context, op: str, left: Code, right: Code) -> Code:
    nullable = op != "<=>" and (left.nullable or right.nullable)
    first, second = comparable(cx, [left, right])
    return boolean(f"({first.sql} {_OPERATORS[op]} {second.sql})", nullable=nullable)


def compile_comparison(cx: Context, scope: Scope, node: ast.Binary) -> Code:
    if isinstance(node.left, ast.Row) or isinstance(node.right, ast.Row):
        return _rows(cx, scope, node)
    left = compile_expression(cx, scope, node.left)
    right = compile_expression(cx, scope, node.right)
    return compare(cx, node.op, left, right)


def _rows(cx: Context, scope: Scope, node: ast.Binary) -> Code:
    """(a, b) = (c, d) and the other operators, spelled out column by column."""
    left, right = _row_items(node.left), _row_items(node.right)
    if isinstance(node.left, ast.Subquery) or isinstance(node.right, ast.Subquery):
        raise not_supported("comparison of a row with a subquery")
    if len(left) != len(right):
        raise error(1241, len(left))
    pairs = list(zip(left, right, strict=True))
    if node.op in ("=", "<=>", "<>"):
        op = "=" if node.op == "<>" else node.op
        parts = [compile_comparison(cx, scope, ast.Binary(op, a, b)).sql for a, b in pairs]
        joined = "(" + " AND ".join(parts) + ")"
        return boolean(f"(NOT {joined})" if node.op == "<>" else joined)
    strict = node.op.rstrip("=")
    alternatives = []
    for at, (a, b) in enumerate(pairs):
        last = at == len(pairs) - 1
        parts = [compile_comparison(cx, scope, ast.Binary("=", *pair)).sql for pair in pairs[:at]]
        op = node.op if last else strict
        parts.append(compile_comparison(cx, scope, ast.Binary(op, a, b)).sql)
        alternatives.append("(" + " AND ".join(parts) + ")")
    return boolean("(" + " OR ".join(alternatives) + ")")


def _row_items(node: ast.Expr) -> list[ast.Expr]:
    return node.items if isinstance(node, ast.Row) else [node]


@rule(ast.Is)
def compile_is(cx: Context, scope: Scope, node: ast.Is) -> Code:
    code = compile_expression(cx, scope, node.operand)
    negation = "NOT " if node.negated else ""
    if node.what in ("NULL", "UNKNOWN"):
        return boolean(f"({code.sql} IS {negation}NULL)", nullable=False)
    truth = f"({forms.to_boolean(cx, code)} IS {node.what})"
    return boolean(f"(NOT {truth})" if node.negated else truth, nullable=False)


@rule(ast.Between)
def compile_between(cx: Context, scope: Scope, node: ast.Between) -> Code:
    codes = [compile_expression(cx, scope, part) for part in (node.operand, node.low, node.high)]
    value, low, high = comparable(cx, codes)
    negation = "NOT " if node.negated else ""
    return boolean(f"({value.sql} {negation}BETWEEN {low.sql} AND {high.sql})")


@rule(ast.In)
def compile_in(cx: Context, scope: Scope, node: ast.In) -> Code:
    if not isinstance(node.items, list):
        from engine.sql.compile.subqueries import compile_in_query

        return compile_in_query(cx, scope, node)
    if isinstance(node.operand, ast.Row):
        return _in_rows(cx, scope, node, node.items)
    operand = compile_expression(cx, scope, node.operand)
    items = [compile_expression(cx, scope, item) for item in node.items]
    families = {item.type.family for item in items} - {"null"}
    negation = "NOT " if node.negated else ""
    if len(families) > 1 and not families <= INTEGRAL_FAMILIES:
        parts = [compare(cx, "=", operand, item).sql for item in items]
        return boolean(f"({negation}({' OR '.join(parts)}))")
    value, *rest = comparable(cx, [operand, *items])
    listed = ", ".join(item.sql for item in rest)
    return boolean(f"({value.sql} {negation}IN ({listed}))")


def _in_rows(cx: Context, scope: Scope, node: ast.In, items: list[ast.Expr]) -> Code:
    parts = [compile_comparison(cx, scope, ast.Binary("=", node.operand, item)).sql
             for item in items]  # fmt: skip
    joined = "(" + " OR ".join(parts) + ")"
    return boolean(f"(NOT {joined})" if node.negated else joined)


@rule(ast.Like)
def compile_like(cx: Context, scope: Scope, node: ast.Like) -> Code:
    operand = compile_expression(cx, scope, node.operand)
    pattern = compile_expression(cx, scope, node.pattern)
    escape = "\\"
    if node.escape is not None:
        if not isinstance(node.escape, ast.Literal) or not isinstance(node.escape.value, str):
            raise error(1210, "ESCAPE")
        escape = node.escape.value
        if len(escape) > 1:
            raise error(1210, "ESCAPE")
    negation = "NOT " if node.negated else ""
    bytes_involved = "binary" in (operand.type.family, pattern.type.family)
    value, like = forms.to_text(cx, operand), forms.to_text(cx, pattern)
    if bytes_involved or string_collation([operand, pattern]) == "BINARY":
        name = cx.use("m_like")
        quoted = "'" + escape.replace("'", "''") + "'"
        return boolean(f"({negation}{name}({value.sql}, {like.sql}, {quoted}))")
    suffix = " ESCAPE '" + escape.replace("'", "''") + "'" if escape else ""
    return boolean(f"({value.sql} {negation}LIKE {like.sql}{suffix})")
