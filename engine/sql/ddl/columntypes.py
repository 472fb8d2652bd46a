"""Pure: a column's type as written -> the type it has, with MySQL's limits and defaults.

Source: MySQL 8.0 Reference Manual, chapter 11 "Data Types".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import evolve

from engine.errors import error
from engine.sql import charsets
from engine.sql.parse.ast import TypeName
from engine.sql.types import INTEGER_BITS, TEXT_BYTES, SqlType

_MOST_DIGITS: Final = 65
_MOST_SCALE: Final = 30
_MOST_FRACTION: Final = 6
_SINGLE_PRECISION: Final = 24
_DOUBLE_PRECISION: Final = 53
_ROW_BYTES: Final = 65_535
_TEXT_SIZES: Final = ("tiny", "", "medium", "long")
_BINARY_TWIN: Final = {"char": "binary", "varchar": "varbinary"}


def column_type(name: str, written: TypeName, collation: str) -> SqlType:
    """The type of column `name`; `collation` is the table's."""
    if written.length is not None and written.name in ("text", "blob"):
        written = evolve(written, name=_sized(written.name, written.length), length=None)
    rule = _RULES.get(written.name)
    if rule is not None:
        return rule(name, written)
    if written.name in INTEGER_BITS:
        return _integer(name, written)
    return _text(name, written, collation)


def _integer(name: str, written: TypeName) -> SqlType:
    width = written.length or 0
    if width > 255:
        raise error(1439, name, 255)
    # Display widths are gone since 8.0.19, but for TINYINT(1) and ZEROFILL.
    kept = width if written.zerofill or (written.name == "tinyint" and width == 1) else 0
    return SqlType(written.name, length=kept, unsigned=written.unsigned, zerofill=written.zerofill)


def _decimal(name: str, written: TypeName) -> SqlType:
    digits = 10 if written.length is None else written.length or 10
    scale = written.decimals or 0
    _check_digits(name, digits, scale, _MOST_DIGITS)
    return SqlType("decimal", digits, scale, unsigned=written.unsigned, zerofill=written.zerofill)


def _check_digits(name: str, digits: int, scale: int, most: int) -> None:
    if digits > most:
        raise error(1426, digits, name, most)
    if scale > _MOST_SCALE:
        raise error(1425, scale, name, _MOST_SCALE)
    if scale > digits:
        raise error(1427, name)


def _float(name: str, written: TypeName) -> SqlType:
    kind = written.name
    digits, scale = written.length, written.decimals
    if digits is not None and scale is None:
        if digits > _DOUBLE_PRECISION:
            raise error(1063, name)
        kind = "double" if kind == "double" or digits > _SINGLE_PRECISION else "float"
        digits = None
    elif digits is not None and scale is not None:
        _check_digits(name, digits, scale, 255)
    return SqlType(
        kind, digits or 0, scale or 0, unsigned=written.unsigned, zerofill=written.zerofill
    )


def _bit(name: str, written: TypeName) -> SqlType:
    width = 1 if written.length is None else written.length
    if not 1 <= width <= 64:
        raise error(1439, name, 64)
    return SqlType("bit", width)


def _year(name: str, written: TypeName) -> SqlType:
    return SqlType("year")


def _plain(name: str, written: TypeName) -> SqlType:
    return SqlType(written.name)


def _temporal(name: str, written: TypeName) -> SqlType:
    digits = written.length or 0
    if digits > _MOST_FRACTION:
        raise error(1426, digits, name, _MOST_FRACTION)
    return SqlType(written.name, decimals=digits)


def _binary(name: str, written: TypeName) -> SqlType:
    if written.name in TEXT_BYTES:
        return SqlType(written.name)
    length = 1 if written.length is None else written.length
    most = 255 if written.name == "binary" else _ROW_BYTES
    if length > most:
        raise error(1074, name, most)
    return SqlType(written.name, length)


_RULES: Final[dict[str, Callable[[str, TypeName], SqlType]]] = {
    "decimal": _decimal, "float": _float, "double": _float, "bit": _bit, "year": _year,
    "date": _plain, "json": _plain, "time": _temporal, "datetime": _temporal,
    "timestamp": _temporal,
    **dict.fromkeys(
        ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), _binary
    ),
}  # fmt: skip


def _sized(name: str, length: int) -> str:
    """TEXT(n) and BLOB(n): the smallest type that holds n."""
    for size in _TEXT_SIZES:
        if length <= TEXT_BYTES[size + name]:
            return size + name
    return "long" + name


def _text(name: str, written: TypeName, table_collation: str) -> SqlType:
    if written.charset == "binary":
        twin = _BINARY_TWIN.get(written.name) or written.name.replace("text", "blob")
        if twin != written.name:
            return _binary(name, evolve(written, name=twin))
    # A COLLATE clause alone brings its character set along.
    found = charsets.resolve(written.charset, written.collation, table_collation)
    kind = SqlType(written.name, charset=found.charset, collation=found.name)
    if written.name in ("enum", "set"):
        return evolve(kind, members=_members(name, written))
    if written.name in TEXT_BYTES:
        return kind
    length = 1 if written.length is None else written.length
    longest = charsets.find_charset(found.charset).longest
    most = 255 if written.name == "char" else (_ROW_BYTES - 3) // longest
    if length > most:
        raise error(1074, name, most)
    return evolve(kind, length=length)


def _members(name: str, written: TypeName) -> tuple[str, ...]:
    members = tuple(member.rstrip(" ") for member in written.members)
    seen: set[str] = set()
    for member in members:
        if member.lower() in seen:
            raise error(1291, name, member, written.name.upper())
        seen.add(member.lower())
    return members
