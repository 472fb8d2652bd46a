"""MySQL's column and expression types: what they are called, hold, and look like on the wire.

How values are kept in SQLite (the *stored form*) follows from the family:

    integer, year, bit   INTEGER; BIGINT UNSIGNED above 2^63-1 as 20 digits of TEXT, which sort
                         after every INTEGER
    decimal              canonical TEXT, compared by the collation "decimal"
    double               REAL
    string, enum, set    TEXT, collation NOCASE for *_ci
    binary               BLOB
    date, datetime       TEXT as MySQL prints it, fraction without trailing zeros, so that text
                         order is time order
    time                 INTEGER microseconds
    json                 TEXT as MySQL prints it
"""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from engine.results import (
    FLAG_BINARY,
    FLAG_BLOB,
    FLAG_ENUM,
    FLAG_NUM,
    FLAG_SET,
    FLAG_UNSIGNED,
    FLAG_ZEROFILL,
    TYPE_BIT,
    TYPE_BLOB,
    TYPE_DATE,
    TYPE_DATETIME,
    TYPE_DOUBLE,
    TYPE_FLOAT,
    TYPE_INT24,
    TYPE_JSON,
    TYPE_LONG,
    TYPE_LONGLONG,
    TYPE_NEWDECIMAL,
    TYPE_NULL,
    TYPE_SHORT,
    TYPE_STRING,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_TINY,
    TYPE_VAR_STRING,
    TYPE_YEAR,
)

DEFAULT_CHARSET: Final = "utf8mb4"
DEFAULT_COLLATION: Final = "utf8mb4_0900_ai_ci"
NOT_FIXED_DECIMALS: Final = 31

INTEGER_BITS: Final = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_INTEGER_WIDTHS: Final = {
    "tinyint": (4, 3), "smallint": (6, 5), "mediumint": (9, 8), "int": (11, 10),
    "bigint": (20, 20),
}  # fmt: skip
TEXT_BYTES: Final = {
    "tinytext": 255, "text": 65_535, "mediumtext": 16_777_215, "longtext": 4_294_967_295,
    "tinyblob": 255, "blob": 65_535, "mediumblob": 16_777_215, "longblob": 4_294_967_295,
}  # fmt: skip
_FAMILIES: Final = {
    **dict.fromkeys(INTEGER_BITS, "integer"),
    "bit": "bit", "year": "year", "decimal": "decimal", "float": "double", "double": "double",
    "char": "string", "varchar": "string", "tinytext": "string", "text": "string",
    "mediumtext": "string", "longtext": "string", "enum": "enum", "set": "set",
    "binary": "binary", "varbinary": "binary", "tinyblob": "binary", "blob": "binary",
    "mediumblob": "binary", "longblob": "binary", "date": "date", "datetime": "datetime",
    "timestamp": "datetime", "time": "time", "json": "json", "null": "null",
}  # fmt: skip
_WIRE: Final = {
    "tinyint": TYPE_TINY, "smallint": TYPE_SHORT, "mediumint": TYPE_INT24, "int": TYPE_LONG,
    "bigint": TYPE_LONGLONG, "bit": TYPE_BIT, "year": TYPE_YEAR, "decimal": TYPE_NEWDECIMAL,
    "float": TYPE_FLOAT, "double": TYPE_DOUBLE, "char": TYPE_STRING, "varchar": TYPE_VAR_STRING,
    "enum": TYPE_STRING, "set": TYPE_STRING, "binary": TYPE_STRING, "varbinary": TYPE_VAR_STRING,
    "date": TYPE_DATE, "datetime": TYPE_DATETIME, "timestamp": TYPE_TIMESTAMP, "time": TYPE_TIME,
    "json": TYPE_JSON, "null": TYPE_NULL, **dict.fromkeys(TEXT_BYTES, TYPE_BLOB),
}  # fmt: skip

TEXT_FAMILIES: Final = frozenset(["string", "enum", "set"])
NUMERIC_FAMILIES: Final = frozenset(["integer", "year", "bit", "decimal", "double"])
INTEGRAL_FAMILIES: Final = frozenset(["integer", "year", "bit"])
TEMPORAL_FAMILIES: Final = frozenset(["date", "datetime", "time"])


@frozen
class SqlType:
    """A type of a column or of an expression's value."""

    name: str  # MySQL's, lower case; "null" for the type of NULL
    length: int = 0  # characters, digits of a decimal, bits; display width of an integer
    decimals: int = 0  # scale, or fractional digits of seconds
    unsigned: bool = False
    zerofill: bool = False
    charset: str = ""
    collation: str = ""
    members: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        return _FAMILIES[self.name]

    @property
    def is_text(self) -> bool:
        return _FAMILIES[self.name] in TEXT_FAMILIES

    @property
    def is_numeric(self) -> bool:
        return _FAMILIES[self.name] in NUMERIC_FAMILIES

    @property
    def is_temporal(self) -> bool:
        return _FAMILIES[self.name] in TEMPORAL_FAMILIES

    @property
    def case_sensitive(self) -> bool:
        return self.collation.endswith("_bin") or self.collation == "binary"

    def column_type(self) -> str:
        """COLUMN_TYPE as information_schema and SHOW CREATE TABLE print it."""
        name = self.name
        if name in INTEGER_BITS:
            if self.zerofill or (name == "tinyint" and self.length == 1 and not self.unsigned):
                name += f"({self.length or _INTEGER_WIDTHS[name][1]})"
        elif name == "decimal" or (name in ("float", "double") and self.length):
            name += f"({self.length},{self.decimals})"
        elif name in ("char", "varchar", "binary", "varbinary", "bit"):
            name += f"({self.length})"
        elif name in ("datetime", "timestamp", "time") and self.decimals:
            name += f"({self.decimals})"
        elif self.members:
            quoted = ",".join("'" + member.replace("'", "''") + "'" for member in self.members)
            name += f"({quoted})"
        if self.unsigned and name != "year":
            name += " unsigned"
        return name + (" zerofill" if self.zerofill else "")

    def integer_range(self) -> tuple[int, int]:
        bits = INTEGER_BITS[self.name]
        if self.unsigned:
            return 0, (1 << bits) - 1
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def wire_type(self) -> int:
        return _WIRE[self.name]

    def wire_length(self) -> int:
        """The length field of a column definition, in bytes of utf8mb4 for text."""
        family = self.family
        if family == "integer":
            if self.length and (self.zerofill or self.length < 20):
                return self.length
            return _INTEGER_WIDTHS[self.name][self.unsigned]
        if family == "string":
            if self.name in TEXT_BYTES:
                return min(TEXT_BYTES[self.name] * 4, 4_294_967_295)
            return self.length * 4
        if family == "binary":
            return TEXT_BYTES.get(self.name, self.length)
        if family == "decimal":
            return self.length + (self.decimals > 0) + (not self.unsigned)
        if family == "double":
            return self.length or (12 if self.name == "float" else 22)
        fraction = self.decimals + 1 if self.decimals else 0
        if family == "datetime":
            return 19 + fraction
        if family == "time":
            return 10 + fraction
        if family == "enum":
            return max((len(member) for member in self.members), default=0) * 4
        if family == "set":
            return (sum(map(len, self.members)) + max(len(self.members) - 1, 0)) * 4
        return {"date": 10, "year": 4, "json": 4_294_967_295, "bit": self.length}.get(family, 0)

    def wire_flags(self) -> int:
        """The flags that follow from the type alone."""
        family = self.family
        flags = 0
        if self.unsigned:
            flags |= FLAG_UNSIGNED
        if self.zerofill:
            flags |= FLAG_ZEROFILL
        if self.name in TEXT_BYTES or family == "json":
            flags |= FLAG_BLOB
        if family in NUMERIC_FAMILIES and family != "bit":
            flags |= FLAG_NUM
        if family in ("binary", "json", "datetime", "date", "time") or self.case_sensitive:
            flags |= FLAG_BINARY
        if family == "year":
            flags |= FLAG_UNSIGNED | FLAG_ZEROFILL
        if family == "bit":
            flags |= FLAG_UNSIGNED
        if family == "enum":
            flags |= FLAG_ENUM
        if family == "set":
            flags |= FLAG_SET
        return flags

    def wire_decimals(self) -> int:
        if self.family == "double" and not self.length:
            return NOT_FIXED_DECIMALS
        return self.decimals


BIGINT: Final = SqlType("bigint")
UNSIGNED_BIGINT: Final = SqlType("bigint", unsigned=True)
INT: Final = SqlType("int")
BOOLEAN: Final = SqlType("bigint", length=1)
DOUBLE: Final = SqlType("double")
NULL: Final = SqlType("null")
DATE: Final = SqlType("date")
JSON: Final = SqlType("json")
VARBINARY: Final = SqlType("varbinary", 255)
# The type of x'41' and b'101': bytes that are a number where one is needed.
HEXADECIMAL: Final = SqlType("varbinary", 255, charset="hexadecimal")
TEXT: Final = SqlType("longtext", charset=DEFAULT_CHARSET, collation=DEFAULT_COLLATION)
YEAR: Final = SqlType("year")


def varchar(length: int, collation: str = DEFAULT_COLLATION) -> SqlType:
    return SqlType("varchar", length, charset=collation.partition("_")[0], collation=collation)


def decimal(precision: int, scale: int, *, unsigned: bool = False) -> SqlType:
    return SqlType("decimal", max(1, min(precision, 65)), min(scale, 30), unsigned)


def datetime(fraction: int = 0) -> SqlType:
    return SqlType("datetime", decimals=fraction)


def time(fraction: int = 0) -> SqlType:
    return SqlType("time", decimals=fraction)


def varbinary(length: int) -> SqlType:
    return SqlType("varbinary", length)


def _digits(kind: SqlType) -> int:
    """Decimal digits that hold any value of an integral type."""
    if kind.name in INTEGER_BITS:
        return len(str(kind.integer_range()[1])) if kind.name != "bigint" else 20
    return 20 if kind.family == "bit" else 4


def as_decimal(kind: SqlType) -> SqlType:
    """The decimal type that holds the values of a decimal or integral type."""
    return kind if kind.family == "decimal" else decimal(_digits(kind), 0)


def text_length(kind: SqlType) -> int:
    """Characters needed to print any value of the type."""
    if kind.is_text or kind.family == "json":
        return kind.wire_length() // 4
    if kind.family == "bit":
        return 20
    return kind.wire_length() or 1


def unify(kinds: list[SqlType]) -> SqlType:
    """The type of CASE, COALESCE, UNION and the like ("Data type aggregation")."""
    real = [kind for kind in kinds if kind.name != "null"]
    if not real:
        return NULL
    if all(kind == HEXADECIMAL for kind in real):
        return VARBINARY
    if any(kind.is_text for kind in real):  # a hexadecimal literal gives way to text
        real = [kind for kind in real if kind != HEXADECIMAL]
    first = real[0]
    if all(kind == first for kind in real):
        return first
    families = {kind.family for kind in real}
    if families <= INTEGRAL_FAMILIES:
        return _unify_integers(real)
    if families <= INTEGRAL_FAMILIES | {"decimal"}:
        parts = [as_decimal(kind) for kind in real]
        scale = max(part.decimals for part in parts)
        whole = max(part.length - part.decimals for part in parts)
        return decimal(whole + scale, scale)
    if families <= NUMERIC_FAMILIES:
        return DOUBLE
    if families == {"date", "datetime"}:
        return datetime(max(kind.decimals for kind in real))
    if families == {"json"}:
        return JSON
    if len(families) == 1 and families <= TEMPORAL_FAMILIES:
        return evolve(max(real, key=lambda kind: kind.decimals))
    length = max(text_length(kind) for kind in real)
    if "binary" in families:
        return varbinary(length) if length < 65_536 else SqlType("longblob")
    collations = [kind.collation for kind in real if kind.collation]
    collation = next(
        (name for name in collations if name.endswith("_bin")),
        collations[0] if collations else DEFAULT_COLLATION,
    )
    if length >= 16_384:
        return SqlType("longtext", charset=collation.partition("_")[0], collation=collation)
    return varchar(length, collation)


def _unify_integers(kinds: list[SqlType]) -> SqlType:
    signed = [kind for kind in kinds if not kind.unsigned]
    unsigned = [kind for kind in kinds if kind.unsigned]
    bits = max(INTEGER_BITS.get(kind.name, 64) for kind in kinds)
    if signed and unsigned:
        if max(INTEGER_BITS.get(kind.name, 64) for kind in unsigned) == 64:
            return decimal(20, 0)
        bits = 64
    name = next(name for name, size in INTEGER_BITS.items() if size >= bits)
    return SqlType(name, unsigned=not signed)
