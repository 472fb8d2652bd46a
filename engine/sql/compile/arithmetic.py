"""AND, OR, NOT, + - * / DIV % and the bit operators.

Integers are computed by SQLite in 64 bits (an overflow turns into a REAL there, which the result
row refuses with 1690), decimals by Python functions exactly, everything else in doubles.
Source: manual, "Arithmetic Operators", "Precision Math".
"""

from __future__ import annotations

from typing import Final

from engine.sql import types
from engine.sql.compile import forms
from engine.sql.compile.code import Code, Fixed
from engine.sql.compile.comparisons import COMPARISONS, boolean, compile_comparison
from engine.sql.compile.context import Context, compile_expression, rule
from engine.sql.compile.scope import Scope
from engine.sql.parse import ast
from engine.sql.types import INTEGRAL_FAMILIES, SqlType

_DECIMAL_FUNCTIONS: Final = {"+": "m_dec_add", "-": "m_dec_sub", "*": "m_dec_mul"}
_BIT_FUNCTIONS: Final = {"&": "m_bit_and", "|": "m_bit_or", "^": "m_bit_xor",
                         "<<": "m_bit_left", ">>": "m_bit_right"}  # fmt: skip
DIVISION_INCREMENT: Final = 4  # div_precision_increment


@rule(ast.Binary)
def compile_binary(cx: Context, scope: Scope, node: ast.Binary) -> Code:
    op = node.op
    if op in COMPARISONS:
        return compile_comparison(cx, scope, node)
    if op in ("AND", "OR"):
        return _connective(cx, scope, node)
    if op == "XOR":
        left = forms.to_boolean(cx, compile_expression(cx, scope, node.left))
        right = forms.to_boolean(cx, compile_expression(cx, scope, node.right))
        return boolean(f"((NOT {left}) <> (NOT {right}))")
    if isinstance(node.right, ast.Interval):
        return _add_interval(cx, scope, node.left, node.right, op)
    if isinstance(node.left, ast.Interval):
        return _add_interval(cx, scope, node.right, node.left, op)
    left_code = compile_expression(cx, scope, node.left)
    right_code = compile_expression(cx, scope, node.right)
    if op in _BIT_FUNCTIONS:
        return bit_operation(cx, _BIT_FUNCTIONS[op], [left_code, right_code])
    return arithmetic(cx, op, left_code, right_code)


def _connective(cx: Context, scope: Scope, node: ast.Binary) -> Code:
    """A chain of the same connective as one flat list: dumps have hundreds of ORs."""
    parts: list[ast.Expr] = []
    current: ast.Expr = node
    while isinstance(current, ast.Binary) and current.op == node.op:
        parts.append(current.right)
        current = current.left
    parts.append(current)
    codes = [forms.to_boolean(cx, compile_expression(cx, scope, part)) for part in reversed(parts)]
    return boolean("(" + f" {node.op} ".join(codes) + ")")


def _add_interval(
    cx: Context, scope: Scope, base: ast.Expr, interval: ast.Interval, op: str
) -> Code:
    name = "DATE_SUB" if op == "-" else "DATE_ADD"
    return compile_expression(cx, scope, ast.Func(name, [base, interval]))


def arithmetic(cx: Context, op: str, left: Code, right: Code) -> Code:
    left, right = forms.to_number(cx, left), forms.to_number(cx, right)
    families = {left.type.family, right.type.family} - {"null"}
    if "double" in families:
        return _doubles(cx, op, forms.to_double(cx, left), forms.to_double(cx, right))
    if families <= INTEGRAL_FAMILIES and op != "/":
        return _integers(cx, op, left, right)
    return _decimals(cx, op, forms.to_decimal(cx, left), forms.to_decimal(cx, right))


def _doubles(cx: Context, op: str, left: Code, right: Code) -> Code:
    if op in ("/", "%", "DIV"):
        name = {"/": "m_double_div", "%": "m_double_mod", "DIV": "m_int_div"}[op]
        kind = types.BIGINT if op == "DIV" else types.DOUBLE
        return Code(kind, sql=f"{cx.use(name)}({left.sql}, {right.sql})")
    return Code(types.DOUBLE, sql=f"({left.sql} {op} {right.sql})")


def _integers(cx: Context, op: str, left: Code, right: Code) -> Code:
    unsigned = left.type.unsigned or right.type.unsigned
    kind = SqlType("bigint", unsigned=unsigned)
    nullable = left.nullable or right.nullable or op in ("DIV", "%")
    large = any(code.type.unsigned and code.type.name == "bigint" for code in (left, right))
    if large or op in ("DIV", "%"):
        name = {"+": "m_int_add", "-": "m_int_sub", "*": "m_int_mul", "DIV": "m_int_div",
                "%": "m_int_mod"}[op]  # fmt: skip
        return Code(kind, nullable,
                    sql=f"{cx.use(name)}({left.sql}, {right.sql}, {int(unsigned)})")  # fmt: skip
    return Code(kind, nullable, sql=f"({left.sql} {op} {right.sql})")


def _decimals(cx: Context, op: str, left: Code, right: Code) -> Code:
    a, b = types.as_decimal(left.type), types.as_decimal(right.type)
    if left.type.name == "null" or right.type.name == "null":
        a, b = (b, b) if left.type.name == "null" else (a, a)
    if op in _DECIMAL_FUNCTIONS:
        if op == "*":
            kind = types.decimal(a.length + b.length, a.decimals + b.decimals)
        else:
            scale = max(a.decimals, b.decimals)
            whole = max(a.length - a.decimals, b.length - b.decimals)
            kind = types.decimal(whole + scale + 1, scale)
        return Code(kind, left.nullable or right.nullable,
                    sql=f"{cx.use(_DECIMAL_FUNCTIONS[op])}({left.sql}, {right.sql})")  # fmt: skip
    if op == "/":
        scale = min(a.decimals + DIVISION_INCREMENT, 30)
        kind = types.decimal(a.length + b.decimals + DIVISION_INCREMENT, scale)
        return Code(kind, sql=f"{cx.use('m_dec_div')}({left.sql}, {right.sql}, {scale})")
    if op == "DIV":
        return Code(types.BIGINT, sql=f"{cx.use('m_int_div')}({left.sql}, {right.sql}, 0)")
    kind = types.decimal(max(a.length, b.length), max(a.decimals, b.decimals))
    return Code(kind, sql=f"{cx.use('m_dec_mod')}({left.sql}, {right.sql})")


def bit_operation(cx: Context, name: str, codes: list[Code]) -> Code:
    """64-bit unsigned, also for negative operands."""
    args = ", ".join(forms.to_integer(cx, code).sql for code in codes)
    nullable = any(code.nullable for code in codes)
    return Code(types.UNSIGNED_BIGINT, nullable, sql=f"{cx.use(name)}({args})")


@rule(ast.Unary)
def compile_unary(cx: Context, scope: Scope, node: ast.Unary) -> Code:
    if node.op == "-" and isinstance(node.operand, ast.Literal):
        negated = _negative_literal(cx, node.operand)
        if negated is not None:
            return negated
    code = compile_expression(cx, scope, node.operand)
    if node.op == "NOT":
        return boolean(f"(NOT {forms.to_boolean(cx, code)})", nullable=code.nullable)
    if node.op == "~":
        return bit_operation(cx, "m_bit_not", [code])
    number = forms.to_number(cx, code)
    family = number.type.family
    if family == "decimal":
        return forms.derived(number, number.type, f"{cx.use('m_dec_neg')}({number.sql})")
    if family in INTEGRAL_FAMILIES:
        if number.type.unsigned and number.type.name == "bigint":
            sql = f"{cx.use('m_int_sub')}(0, {number.sql}, 0)"
            return forms.derived(number, types.BIGINT, sql)
        return forms.derived(number, types.BIGINT, f"(- {number.sql})")
    return forms.derived(number, types.DOUBLE, f"(- {forms.to_double(cx, number).sql})")


def _negative_literal(cx: Context, node: ast.Literal) -> Code | None:
    """-5 is a constant of its own; only free literals stay an operation on a parameter."""
    if cx.free_literals and node.index is not None:
        return None
    if node.kind == "int" and isinstance(node.value, int) and node.value <= 1 << 63:
        return Code(types.BIGINT, False, source=Fixed(-node.value), binder=cx.binder)
    return None
