"""Table-driven definition of functions that are implemented in Python.

`forms` has a letter per argument: t text, b text or bytes as given, i integer, d double,
n number (text for decimals), D datetime, T time, r as stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from engine.errors import error
from engine.sql import types
from engine.sql.compile import forms as convert
from engine.sql.compile.code import Code
from engine.sql.compile.context import Context, compile_expression
from engine.sql.compile.scope import Scope
from engine.sql.functions.registry import BUILDERS, ResultType, python_function
from engine.sql.parse import ast
from engine.sql.types import SqlType


def _text_or_bytes(cx: Context, code: Code) -> Code:
    return code if code.type.family == "binary" else convert.to_text(cx, code)


def _raw(cx: Context, code: Code) -> Code:
    return code


_FORMS: Final[dict[str, Callable[[Context, Code], Code]]] = {
    "t": convert.to_text,
    "b": _text_or_bytes,
    "i": convert.to_integer,
    "d": convert.to_double,
    "n": convert.to_number,
    "D": convert.to_datetime,
    "T": convert.to_time,
    "r": _raw,
}


def arguments(
    cx: Context, scope: Scope, node: ast.Func, least: int, most: int | None
) -> list[Code]:
    """The compiled arguments, their number checked (1582)."""
    count = len(node.args)
    if count < least or (most is not None and count > most) or node.distinct:
        raise error(1582, node.name)
    return [compile_expression(cx, scope, arg) for arg in node.args]


def in_form(cx: Context, letter: str, code: Code) -> Code:
    return _FORMS[letter](cx, code)


def define(
    names: str,
    forms: str,
    result: ResultType,
    call: Callable[..., Any],
    *,
    optional: int = 0,
    variadic: bool = False,
    skip_null: bool = True,
    session: bool = False,
    deterministic: bool = True,
    nullable: bool | None = None,
) -> None:
    """Define a MySQL function and its synonyms (names separated by blanks).

    `optional` arguments may be left out at the end; a variadic one repeats the last form.
    `nullable` None: NULL only if an argument is.
    """
    first, *_ = names.split()
    sqlite = "m_" + first.lower()
    python_function(
        sqlite, call, takes_session=session, deterministic=deterministic, skip_null=skip_null
    )
    least, most = len(forms) - optional, None if variadic else len(forms)

    def build(cx: Context, scope: Scope, node: ast.Func) -> Code:
        codes = arguments(cx, scope, node, least, most)
        return call_code(cx, sqlite, forms, codes, result, nullable)

    for name in names.split():
        assert name not in BUILDERS, name
        BUILDERS[name] = build


def call_code(
    cx: Context,
    sqlite: str,
    forms: str,
    codes: Sequence[Code],
    result: ResultType,
    nullable: bool | None = None,
) -> Code:
    """The call of a Python function with its arguments in the forms it expects."""
    letters = forms + forms[-1:] * max(len(codes) - len(forms), 0)
    kind = result if isinstance(result, SqlType) else result(codes)
    args = ", ".join(
        in_form(cx, letter, code).sql for letter, code in zip(letters, codes, strict=False)
    )
    if nullable is None:
        nullable = any(code.nullable for code in codes)
    return Code(kind, nullable, sql=f"{cx.use(sqlite)}({args})")


# result types


def like_first(codes: Sequence[Code]) -> SqlType:
    """Text as long as the first argument, or bytes if it is bytes."""
    return like(codes[0])


def like(code: Code) -> SqlType:
    kind = code.type
    if kind.family == "binary":
        return kind
    if kind.is_text:
        return types.varchar(types.text_length(kind), kind.collation or types.DEFAULT_COLLATION)
    return types.varchar(types.text_length(kind))


def joined(codes: Sequence[Code]) -> SqlType:
    """Text as long as all arguments together."""
    length = sum(types.text_length(code.type) for code in codes)
    if any(code.type.family == "binary" for code in codes):
        return types.varbinary(length)
    collation = next(
        (code.type.collation for code in codes if code.type.collation.endswith("_bin")),
        types.DEFAULT_COLLATION,
    )
    return types.varchar(length, collation)
