"""Type names as written in CAST and in column definitions."""

from __future__ import annotations

from typing import Final

from engine.errors import not_supported
from engine.sql.parse import ast
from engine.sql.parse.cursor import Cursor
from engine.sql.parse.keywords import words

# Spelling -> canonical name.
_SYNONYMS: Final[dict[str, str]] = {
    "INTEGER": "int", "INT4": "int", "INT1": "tinyint", "INT2": "smallint", "INT3": "mediumint",
    "MIDDLEINT": "mediumint", "INT8": "bigint", "DEC": "decimal", "NUMERIC": "decimal",
    "FIXED": "decimal", "REAL": "double", "FLOAT4": "float", "FLOAT8": "double",
    "CHARACTER": "char", "VARCHARACTER": "varchar", "NCHAR": "char", "NVARCHAR": "varchar",
}  # fmt: skip
_PLAIN: Final[frozenset[str]] = words(
    """
    TINYINT SMALLINT MEDIUMINT INT BIGINT DECIMAL FLOAT DOUBLE BIT CHAR VARCHAR BINARY VARBINARY
    TINYTEXT TEXT MEDIUMTEXT LONGTEXT TINYBLOB BLOB MEDIUMBLOB LONGBLOB ENUM SET JSON DATE TIME
    DATETIME TIMESTAMP YEAR
    """
)
_SPATIAL: Final[frozenset[str]] = words(
    """
    GEOMETRY POINT LINESTRING POLYGON MULTIPOINT MULTILINESTRING MULTIPOLYGON GEOMETRYCOLLECTION
    """
)


def parse_cast_type(cursor: Cursor) -> ast.TypeName:
    """The target of CAST: a small set of its own ("CAST Function" in the manual)."""
    word = cursor.any_word().upper()
    if word in ("SIGNED", "UNSIGNED"):
        cursor.take_any("INTEGER", "INT")
        return ast.TypeName("bigint", unsigned=word == "UNSIGNED")
    if word in ("DEC", "NUMERIC"):
        word = "DECIMAL"
    if word == "REAL" or (word == "DOUBLE" and (cursor.take("PRECISION") or True)):
        return ast.TypeName("double")
    if word in ("NCHAR", "CHARACTER"):
        word = "CHAR"
    if word not in ("BINARY", "CHAR", "DATE", "DATETIME", "DECIMAL", "FLOAT", "JSON", "TIME",
                    "YEAR"):  # fmt: skip
        raise cursor.fail(cursor.tokens[cursor.position - 1])
    type_name = ast.TypeName(word.lower())
    _length(cursor, type_name)
    if word == "CHAR":
        _charset(cursor, type_name)
    if cursor.take("ARRAY"):
        raise not_supported("CAST(... AS ... ARRAY)")
    return type_name


def parse_column_type(cursor: Cursor) -> ast.TypeName:
    """A column's type with length, sign and character set attributes."""
    token = cursor.token
    word = cursor.any_word().upper()
    if word == "NATIONAL":
        word = cursor.any_word().upper()
    if word in ("BOOL", "BOOLEAN"):
        return ast.TypeName("tinyint", length=1)
    if word == "SERIAL":
        return ast.TypeName("serial")
    if word == "LONG":
        return _long(cursor)
    if word in _SPATIAL:
        raise not_supported(f"column type {word}")
    name = _SYNONYMS.get(word, word.lower())
    if name.upper() not in _PLAIN:
        raise cursor.fail(token)
    if name == "double":
        cursor.take("PRECISION")
    if name in ("char", "binary") and cursor.take("VARYING"):
        name = "var" + name
    type_name = ast.TypeName(name)
    if name in ("enum", "set"):
        cursor.expect("(")
        members = [cursor.string()]
        while cursor.take(","):
            members.append(cursor.string())
        cursor.expect(")")
        type_name.members = tuple(members)
    else:
        _length(cursor, type_name)
        if name in ("varchar", "varbinary") and type_name.length is None:
            raise cursor.fail()
    _attributes(cursor, type_name)
    return type_name


def _long(cursor: Cursor) -> ast.TypeName:
    if cursor.take("VARBINARY"):
        return ast.TypeName("mediumblob")
    cursor.take_any("VARCHAR", "VARCHARACTER")
    type_name = ast.TypeName("mediumtext")
    _attributes(cursor, type_name)
    return type_name


def _length(cursor: Cursor, type_name: ast.TypeName) -> None:
    if not cursor.take("("):
        return
    if cursor.token.text and "." in cursor.token.text:
        raise cursor.fail()
    type_name.length = cursor.integer()
    if cursor.take(","):
        type_name.decimals = cursor.integer()
    cursor.expect(")")


def _attributes(cursor: Cursor, type_name: ast.TypeName) -> None:
    while True:
        word = cursor.take_any("UNSIGNED", "SIGNED", "ZEROFILL")
        if word == "UNSIGNED":
            type_name.unsigned = True
        elif word == "ZEROFILL":
            type_name.zerofill = type_name.unsigned = True
        elif word is None and not _charset(cursor, type_name):
            return


def _charset(cursor: Cursor, type_name: ast.TypeName) -> bool:
    if cursor.take("CHARACTER", "SET") or cursor.take("CHARSET") or cursor.take("CHAR", "SET"):
        type_name.charset = cursor.name_or_string().lower()
    elif cursor.take("COLLATE"):
        type_name.collation = cursor.name_or_string().lower()
    elif cursor.take("ASCII"):
        type_name.charset = "latin1"
    elif cursor.take("UNICODE"):
        type_name.charset = "ucs2"
    elif type_name.name != "binary" and cursor.take("BINARY"):
        type_name.collation = "utf8mb4_bin"
    else:
        return False
    return True
