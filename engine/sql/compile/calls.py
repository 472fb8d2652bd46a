"""Function calls, CASE, CAST and variables."""

from __future__ import annotations

from engine.errors import error, not_supported
from engine.sql import types
from engine.sql.charsets import find_charset
from engine.sql.compile import forms
from engine.sql.compile.code import Code, FromSession
from engine.sql.compile.comparisons import compare
from engine.sql.compile.context import Context, compile_expression, rule
from engine.sql.compile.literals import session_value
from engine.sql.compile.scope import Scope
from engine.sql.compile.windows import compile_window
from engine.sql.functions.registry import AGGREGATES, BUILDERS
from engine.sql.parse import ast
from engine.sql.types import SqlType


@rule(ast.Func)
def compile_call(cx: Context, scope: Scope, node: ast.Func) -> Code:
    if node.window is not None:
        return compile_window(cx, scope, node)
    build = BUILDERS.get(node.name)
    if build is None:
        schema = cx.settings.database or ""
        raise error(1305, "FUNCTION", f"{schema}.{node.name.lower()}")
    if node.name in AGGREGATES:
        if cx.inside_aggregate:
            raise error(1111)
        return _aggregate(cx, scope, node)
    return build(cx, scope, node)


def _aggregate(cx: Context, scope: Scope, node: ast.Func) -> Code:
    """Its arguments are computed per row, so columns in them need no grouping."""
    scope.aggregates += 1
    kept = list(scope.bare_columns)
    cx.inside_aggregate = True
    aliases, scope.use_aliases = scope.use_aliases, False
    try:
        return BUILDERS[node.name](cx, scope, node)
    finally:
        cx.inside_aggregate = False
        scope.use_aliases = aliases
        scope.bare_columns = kept


@rule(ast.Case)
def compile_case(cx: Context, scope: Scope, node: ast.Case) -> Code:
    operand = None if node.operand is None else compile_expression(cx, scope, node.operand)
    conditions = []
    for when, _ in node.whens:
        code = compile_expression(cx, scope, when)
        if operand is None:
            conditions.append(forms.to_boolean(cx, code))
        else:
            conditions.append(compare(cx, "=", operand, code).sql)
    results = [compile_expression(cx, scope, then) for _, then in node.whens]
    if node.default is not None:
        results.append(compile_expression(cx, scope, node.default))
    kind, codes = unified(cx, results)
    sql = "CASE"
    for condition, code in zip(conditions, codes, strict=False):
        sql += f" WHEN {condition} THEN {code.sql}"
    if node.default is not None:
        sql += f" ELSE {codes[-1].sql}"
    nullable = node.default is None or any(code.nullable for code in results)
    return Code(kind, nullable, sql=f"({sql} END)")


def as_function_result(kind: SqlType) -> SqlType:
    """A function gives text where its argument was an ENUM or SET."""
    if kind.family in ("enum", "set"):
        return types.varchar(types.text_length(kind), kind.collation)
    return kind


def unified(cx: Context, codes: list[Code]) -> tuple[SqlType, list[Code]]:
    """Alternatives of one expression, brought to their common type."""
    kind = as_function_result(types.unify([code.type for code in codes]))
    return kind, [forms.to_family(cx, code, kind) for code in codes]


# CAST


@rule(ast.Cast)
def compile_cast(cx: Context, scope: Scope, node: ast.Cast) -> Code:
    return cast(cx, compile_expression(cx, scope, node.operand), node.type)


def cast(cx: Context, code: Code, target: ast.TypeName) -> Code:
    """CAST(... AS type)."""
    name = target.name
    if name == "bigint":
        return _to_bigint(cx, code, target.unsigned)
    if name in ("char", "binary"):
        return _to_string(cx, code, target)
    if name == "decimal":
        kind = types.decimal(target.length or 10, target.decimals or 0)
        number = forms.to_number(cx, code)
        sql = f"{cx.use('m_cast_decimal')}({number.sql}, {kind.length}, {kind.decimals})"
        return Code(kind, code.nullable, sql=sql)
    if name == "double":
        return forms.to_double(cx, forms.to_number(cx, code))
    if name == "float":
        number = forms.to_double(cx, forms.to_number(cx, code))
        return Code(SqlType("float"), code.nullable, sql=f"{cx.use('m_float')}({number.sql})")
    if name == "date":
        return Code(types.DATE, True, sql=forms.to_date(cx, code).sql)
    if name == "year":
        return Code(types.YEAR, True, sql=f"{cx.use('m_cast_year')}({code.sql})")
    digits = target.length or 0
    if digits > 6:
        raise error(1426, digits, "CAST", 6)
    if name == "datetime":
        moment = forms.to_datetime(cx, code)
        kind = types.datetime(digits)
        if moment.type.decimals <= digits:
            return Code(kind, True, sql=moment.sql)
        return Code(kind, True, sql=f"{cx.use('m_round_datetime')}({moment.sql}, {digits})")
    if name == "time":
        span = forms.to_time(cx, code)
        sql = f"{cx.use('m_round_time')}({span.sql}, {digits})"
        return Code(types.time(digits), True, sql=sql)
    if name == "json":
        source = code if code.type.family in ("json", "string") else forms.to_text(cx, code)
        flag = int(code.type.is_text)
        scalar = code if code.type.is_numeric and code.type.family != "decimal" else source
        return Code(types.JSON, True, sql=f"{cx.use('m_cast_json')}({scalar.sql}, {flag})")
    raise not_supported(f"CAST AS {name.upper()}")


def _to_bigint(cx: Context, code: Code, unsigned: bool) -> Code:
    kind = SqlType("bigint", unsigned=unsigned)
    family = code.type.family
    if family in types.INTEGRAL_FAMILIES and not unsigned and not code.type.unsigned:
        return forms.derived(code, kind, code.sql)
    if family in ("date", "datetime", "time", "enum", "set"):
        code = forms.to_number(cx, code)
    elif code.type.is_text or family in ("binary", "json"):
        name = "m_cast_unsigned_text" if unsigned else "m_cast_signed_text"
        return Code(kind, code.nullable, sql=f"{cx.use(name)}({code.sql})")
    name = "m_cast_unsigned" if unsigned else "m_cast_signed"
    return Code(kind, code.nullable, sql=f"{cx.use(name)}({code.sql})")


def _to_string(cx: Context, code: Code, target: ast.TypeName) -> Code:
    if target.name == "binary":
        raw = forms.to_bytes(cx, code)
        if target.length is None:
            return raw
        kind = types.varbinary(target.length)
        sql = f"{cx.use('m_fit_bytes')}({raw.sql}, {target.length})"
        return Code(kind, code.nullable, sql=sql)
    if target.charset is not None:
        find_charset(target.charset)
    text = forms.to_text(cx, code)
    if text.type.family == "json":
        text = Code(types.TEXT, text.nullable, sql=text.sql)
    if target.length is None:
        kind = types.varchar(types.text_length(text.type), text.type.collation or
                             types.DEFAULT_COLLATION)  # fmt: skip
        return Code(kind, code.nullable, source=text.source, binder=text.binder,
                    sql=None if text.source is not None else text.sql)  # fmt: skip
    kind = types.varchar(target.length)
    return Code(kind, code.nullable, sql=f"substr({text.sql}, 1, {target.length})")


# variables


@rule(ast.SystemVariable)
def compile_system_variable(cx: Context, scope: Scope, node: ast.SystemVariable) -> Code:
    kind = cx.variables.sql_type(node.name, node.scope)
    name, where = node.name, node.scope
    read = FromSession(lambda session: session.variables.read(name, where))
    return session_value(cx, read, kind, nullable=True)


@rule(ast.UserVariable)
def compile_user_variable(cx: Context, scope: Scope, node: ast.UserVariable) -> Code:
    """Its type is that of its value now, so a plan that reads one is used once."""
    cx.once.add("user variable")
    name = node.name
    kind = cx.user_variables.get(name, (None, types.NULL))[1]
    if name in cx.assigned_variables:
        kind = cx.assigned_variables[name]
        return Code(kind, True, sql=f"{cx.use('m_get_variable')}({_quoted(name)})")
    read = FromSession(lambda session: session.user_variable(name))
    return session_value(cx, read, kind, nullable=True)


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


@rule(ast.Assignment)
def compile_assignment(cx: Context, scope: Scope, node: ast.Assignment) -> Code:
    cx.once.add("user variable")
    cx.assigned_variables[node.name] = cx.user_variables.get(node.name, (None, types.NULL))[1]
    code = compile_expression(cx, scope, node.value)
    printed = variable_form(cx, code)
    cx.assigned_variables[node.name] = printed.type
    kind = printed.type.family
    sql = f"{cx.use('m_set_variable')}({_quoted(node.name)}, {printed.sql}, '{kind}')"
    return Code(printed.type, code.nullable, sql=sql)


def variable_form(cx: Context, code: Code) -> Code:
    """User variables hold integers, decimals, doubles, text or bytes."""
    kind = code.type
    if kind.family in ("integer", "decimal", "double", "binary", "null"):
        return code
    if kind.is_numeric:
        return forms.derived(code, types.BIGINT, code.sql)
    text = forms.to_text(cx, code)
    return Code(types.TEXT, text.nullable, source=text.source, binder=text.binder,
                sql=None if text.source is not None else text.sql)  # fmt: skip


@rule(ast.ValuesOf)
def compile_values_of(cx: Context, scope: Scope, node: ast.ValuesOf) -> Code:
    if cx.insert_values is None:
        return Code(types.NULL, True, sql="NULL")
    found = cx.insert_values.get(node.column.lower())
    if found is None:
        raise error(1054, node.column, cx.clause)
    return found


@rule(ast.DefaultOf)
def compile_default(cx: Context, scope: Scope, node: ast.DefaultOf) -> Code:
    if node.column is None:
        raise error(1064, "You have an error in your SQL syntax; check the manual that "
                          "corresponds to your MySQL server version for the right syntax to use "
                          "near 'DEFAULT' at line 1")  # fmt: skip
    from engine.sql.compile.defaults import default_code

    for table in scope.tables:
        if table.table is not None and node.column.lower() in table.table.by_name:
            return default_code(cx, table.table, table.table.by_name[node.column.lower()])
    raise error(1054, node.column, cx.clause)
