"""Numeric functions and the arithmetic SQLite does not do as MySQL does."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any, Final

from engine.errors import error
from engine.sql import types, values
from engine.sql.compile import forms
from engine.sql.compile.code import Code
from engine.sql.compile.context import Context
from engine.sql.compile.scope import Scope
from engine.sql.functions.define import arguments, define
from engine.sql.functions.registry import builder, python_function
from engine.sql.parse import ast
from engine.sql.types import INTEGRAL_FAMILIES, SqlType
from engine.sql.values import ARITHMETIC, as_decimal, decimal_text

# exact arithmetic behind the operators


def _exact(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], str]:
    def compute(a: Any, b: Any) -> str:
        return decimal_text(operation(as_decimal(a), as_decimal(b)))

    return compute


def _dec_div(session: Any, a: Any, b: Any, scale: int) -> str | None:
    divisor = as_decimal(b)
    if divisor.is_zero():
        return session.division_by_zero()  # type: ignore[no-any-return]
    quotient = ARITHMETIC.divide(as_decimal(a), divisor)
    return decimal_text(values.rescale(quotient, scale))


def _dec_mod(session: Any, a: Any, b: Any) -> str | None:
    divisor = as_decimal(b)
    if divisor.is_zero():
        return session.division_by_zero()  # type: ignore[no-any-return]
    return decimal_text(ARITHMETIC.remainder(as_decimal(a), divisor))


def _int_div(session: Any, a: Any, b: Any, unsigned: int = 0) -> int | str | None:
    divisor = as_decimal(b)
    if divisor.is_zero():
        return session.division_by_zero()  # type: ignore[no-any-return]
    return _fitting(int(ARITHMETIC.divide_int(as_decimal(a), divisor)), unsigned)


def _int_mod(session: Any, a: Any, b: Any, unsigned: int = 0) -> int | str | None:
    x, y = int(a), int(b)
    if y == 0:
        return session.division_by_zero()  # type: ignore[no-any-return]
    return _fitting(int(math.copysign(1, x)) * (abs(x) % abs(y)), unsigned and x >= 0)


def _double_div(session: Any, a: float, b: float) -> float | None:
    return float(a) / b if b else session.division_by_zero()


def _double_mod(session: Any, a: float, b: float) -> float | None:
    return math.fmod(a, b) if b else session.division_by_zero()


def _fitting(number: int, unsigned: int) -> int | str:
    """A 64-bit result, or 1690."""
    if unsigned:
        if not 0 <= number < values.U64:
            raise error(1690, "BIGINT UNSIGNED", f"{number}")
        return values.stored_unsigned(number)
    if not -values.I64 <= number < values.I64:
        raise error(1690, "BIGINT", f"{number}")
    return number


def _integer_operation(operation: Callable[[int, int], int]) -> Callable[[Any, Any, int], Any]:
    return lambda a, b, unsigned: _fitting(operation(int(a), int(b)), unsigned)


python_function("m_dec_add", _exact(ARITHMETIC.add))
python_function("m_dec_sub", _exact(ARITHMETIC.subtract))
python_function("m_dec_mul", _exact(ARITHMETIC.multiply))
python_function("m_dec_neg", lambda value: decimal_text(-as_decimal(value)))
python_function("m_dec_div", _dec_div, takes_session=True)
python_function("m_dec_mod", _dec_mod, takes_session=True)
python_function("m_int_div", _int_div, takes_session=True)
python_function("m_int_mod", _int_mod, takes_session=True)
python_function("m_double_div", _double_div, takes_session=True)
python_function("m_double_mod", _double_mod, takes_session=True)
python_function("m_int_add", _integer_operation(lambda a, b: a + b))
python_function("m_int_sub", _integer_operation(lambda a, b: a - b))
python_function("m_int_mul", _integer_operation(lambda a, b: a * b))

_U64: Final = values.U64
python_function("m_bit_and", lambda a, b: values.wrap_unsigned(int(a) % _U64 & int(b) % _U64))
python_function("m_bit_or", lambda a, b: values.wrap_unsigned(int(a) % _U64 | int(b) % _U64))
python_function("m_bit_xor", lambda a, b: values.wrap_unsigned(int(a) % _U64 ^ int(b) % _U64))
python_function("m_bit_not", lambda a: values.wrap_unsigned(~int(a)))
python_function("m_bit_left", lambda a, b: _shift_left(int(a), int(b)))
python_function("m_bit_right", lambda a, b: _shift_right(int(a), int(b)))


def _shift_left(number: int, count: int) -> int | str:
    return values.wrap_unsigned(number % _U64 << count) if 0 <= count < 64 else 0


def _shift_right(number: int, count: int) -> int | str:
    return values.stored_unsigned(number % _U64 >> count) if 0 <= count < 64 else 0


# CAST


def _cast_decimal(value: Any, precision: int, scale: int) -> str:
    number = values.rescale(as_decimal(value), scale)
    largest = Decimal(10) ** (precision - scale) - Decimal(1).scaleb(-scale)
    return decimal_text(max(min(number, largest), -largest))


def _cast_signed(value: Any) -> int:
    number = values.as_integer(value)
    if number >= values.I64 and isinstance(value, str) and len(value) == 20:
        number -= values.U64  # an unsigned value seen as signed
    return max(-values.I64, min(number, values.I64 - 1))


def _cast_unsigned(value: Any) -> int | str:
    return values.wrap_unsigned(values.as_integer(value))


def _cast_signed_text(value: Any) -> int:
    return max(-values.I64, min(values.truncated_integer(value), values.I64 - 1))


def _cast_unsigned_text(value: Any) -> int | str:
    number = values.truncated_integer(value)
    return values.wrap_unsigned(number) if number < _U64 else values.stored_unsigned(_U64 - 1)


def _cast_year(value: Any) -> int | None:
    number = values.as_integer(value)
    if 0 < number < 70:
        return number + 2000
    if 70 <= number < 100:
        return number + 1900
    return number if number == 0 or 1901 <= number <= 2155 else None


python_function("m_cast_decimal", _cast_decimal)
python_function("m_cast_signed", _cast_signed)
python_function("m_cast_unsigned", _cast_unsigned)
python_function("m_cast_signed_text", _cast_signed_text)
python_function("m_cast_unsigned_text", _cast_unsigned_text)
python_function("m_cast_year", _cast_year)
python_function("m_float", lambda value: float(values.float_text(value)))
python_function("m_fit_bytes", lambda value, size: value[:size].ljust(size, b"\0"))


# rounding


def _number_type(codes: Sequence[Code]) -> SqlType:
    kind = codes[0].type
    return kind if kind.family in ("decimal", "double", "integer") else types.DOUBLE


@builder("ABS")
def _abs(cx: Context, scope: Scope, node: ast.Func) -> Code:
    (code,) = (forms.to_number(cx, c) for c in arguments(cx, scope, node, 1, 1))
    if code.type.family == "decimal":
        sql = f"{cx.use('m_dec_abs')}({code.sql})"
        return forms.derived(code, code.type, sql)
    if code.type.family in INTEGRAL_FAMILIES and code.type.unsigned:
        return code
    return forms.derived(code, _number_type([code]), f"abs({code.sql})")


python_function("m_dec_abs", lambda value: decimal_text(abs(as_decimal(value))))


@builder("CEIL", "CEILING", "FLOOR")
def _ceil_floor(cx: Context, scope: Scope, node: ast.Func) -> Code:
    (code,) = (forms.to_number(cx, c) for c in arguments(cx, scope, node, 1, 1))
    if code.type.family in INTEGRAL_FAMILIES:
        return code
    name = "m_floor" if node.name == "FLOOR" else "m_ceil"
    if code.type.family == "double":
        return forms.derived(code, types.DOUBLE, f"{name[2:]}({code.sql})")
    return forms.derived(code, types.BIGINT, f"{cx.use(name)}({code.sql})")


python_function("m_floor", lambda v: int(as_decimal(v).to_integral_value(ROUND_FLOOR)))
python_function("m_ceil", lambda v: int(as_decimal(v).to_integral_value(ROUND_CEILING)))


@builder("ROUND", "TRUNCATE")
def _round(cx: Context, scope: Scope, node: ast.Func) -> Code:
    least = 1 if node.name == "ROUND" else 2
    codes = arguments(cx, scope, node, least, 2)
    number = forms.to_number(cx, codes[0])
    places = forms.to_integer(cx, codes[1]) if len(codes) == 2 else None
    fixed = 0 if places is None else (
        places.fixed.value if places.fixed is not None else None)  # fmt: skip
    places_sql = "0" if places is None else places.sql
    name = cx.use("m_round" if node.name == "ROUND" else "m_truncate")
    nullable = any(code.nullable for code in codes)
    kind = number.type
    if kind.family == "decimal":
        scale = kind.decimals if not isinstance(fixed, int) else max(0, min(fixed, kind.decimals))
        kind = types.decimal(kind.length - kind.decimals + scale + 1, scale)
    elif kind.family in INTEGRAL_FAMILIES:
        kind = SqlType("bigint", unsigned=kind.unsigned)
    else:
        kind = types.DOUBLE
        number = forms.to_double(cx, number)
    sql = f"{name}({number.sql}, {places_sql}, '{kind.family}', {kind.decimals})"
    return Code(kind, nullable, sql=sql)


def _rounded(mode: str) -> Callable[[Any, int, str, int], Any]:
    def compute(value: Any, places: int, family: str, scale: int) -> Any:
        places = max(-30, min(int(places), 30))
        if family == "double":
            return _round_double(float(value), places, mode)
        number = as_decimal(value).quantize(Decimal(1).scaleb(-places), mode, ARITHMETIC)
        if family == "decimal":
            return decimal_text(number if places < scale else values.rescale(number, scale))
        result = int(number)
        return values.stored_unsigned(result) if result >= 0 else result

    return compute


def _round_double(value: float, places: int, mode: str) -> float:
    """As the server's my_double_round(): scaled, then rint() or cut."""
    scale = 10.0 ** abs(places)
    scaled = value * scale if places >= 0 else value / scale
    if not math.isfinite(scaled):
        return value
    whole = float(math.trunc(scaled)) if mode == ROUND_DOWN else float(round(scaled))
    return whole / scale if places >= 0 else whole * scale


python_function("m_round", _rounded(ROUND_HALF_UP))
python_function("m_truncate", _rounded(ROUND_DOWN))


@builder("MOD")
def _mod(cx: Context, scope: Scope, node: ast.Func) -> Code:
    from engine.sql.compile.arithmetic import arithmetic

    left, right = arguments(cx, scope, node, 2, 2)
    return arithmetic(cx, "%", left, right)


def _sign(value: Any) -> int:
    number = as_decimal(value)
    return (number > 0) - (number < 0)


define("SIGN", "n", types.BIGINT, _sign)
define("BIT_COUNT", "i", types.BIGINT, lambda v: (int(v) % _U64).bit_count())
define("CRC32", "b", types.SqlType("int", unsigned=True), lambda v: zlib.crc32(values.as_bytes(v)))


# transcendental functions: NULL outside the domain, 1690 on overflow


def _real(function: Callable[..., float]) -> Callable[..., float | None]:
    def compute(*args: float) -> float | None:
        try:
            result = function(*args)
        except (ValueError, ZeroDivisionError):
            return None
        except OverflowError:
            raise error(1690, "DOUBLE", function.__name__) from None
        return result if not math.isnan(result) else None

    return compute


def _log(value: float, other: float | None = None) -> float:
    return math.log(value) if other is None else math.log(other) / math.log(value)


def _power(base: float, exponent: float) -> float:
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError
    return float(result)


for _names, _forms, _function, _optional in (
    ("SQRT", "d", math.sqrt, 0), ("EXP", "d", math.exp, 0), ("LN", "d", math.log, 0),
    ("LOG2", "d", math.log2, 0), ("LOG10", "d", math.log10, 0), ("LOG", "dd", _log, 1),
    ("POWER POW", "dd", _power, 0), ("SIN", "d", math.sin, 0), ("COS", "d", math.cos, 0),
    ("TAN", "d", math.tan, 0), ("ASIN", "d", math.asin, 0), ("ACOS", "d", math.acos, 0),
    ("ATAN2", "dd", math.atan2, 0), ("DEGREES", "d", math.degrees, 0),
    ("RADIANS", "d", math.radians, 0), ("COT", "d", lambda v: 1 / math.tan(v), 0),
    ("ATAN", "dd", lambda a, b=1.0: math.atan2(a, b), 1),
):  # fmt: skip
    define(_names, _forms, types.DOUBLE, _real(_function), optional=_optional, nullable=True)

define("PI", "", types.SqlType("double", 8, 6), lambda: math.pi)


_RAND_MAX: Final = 0x3FFFFFFF


def _rand(session: Any, seed: int | None = None) -> float:
    """RAND(n) repeats MySQL's own sequence for n; RAND() draws from the instance's generator."""
    if seed is None:
        return session.info.rng.random()  # type: ignore[no-any-return]
    key = ("rand", seed)
    first, second = session.statement_state.get(key) or (
        (seed * 0x10001 + 55555555) % (1 << 32) % _RAND_MAX,
        seed * 0x10000001 % (1 << 32) % _RAND_MAX,
    )
    first = (first * 3 + second) % _RAND_MAX
    second = (first + second + 33) % _RAND_MAX
    session.statement_state[key] = (first, second)
    return float(first) / _RAND_MAX


define("RAND", "i", types.DOUBLE, _rand, optional=1, session=True, deterministic=False)


# hashes


def _sha2(value: Any, bits: int) -> str | None:
    name = {0: "sha256", 224: "sha224", 256: "sha256", 384: "sha384", 512: "sha512"}.get(bits)
    return None if name is None else hashlib.new(name, values.as_bytes(value)).hexdigest()


define("MD5", "b", types.varchar(32),
       lambda v: hashlib.md5(values.as_bytes(v), usedforsecurity=False).hexdigest())  # fmt: skip
define("SHA1 SHA", "b", types.varchar(40),
       lambda v: hashlib.sha1(values.as_bytes(v), usedforsecurity=False).hexdigest())  # fmt: skip
define("SHA2", "bi", types.varchar(128), _sha2, nullable=True)
