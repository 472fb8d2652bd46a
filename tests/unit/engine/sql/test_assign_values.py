"""What each column type accepts, refuses and keeps."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.sql.assign import Problems, store_for
from engine.sql.ddl.columntypes import column_type
from engine.sql.parse.lexer import DEFAULT_MODES
from engine.sql.parse.shows import ShowParser
from engine.sql.parse.type_names import parse_column_type
from engine.sql.schema import ColumnDef


class Sink:
    def __init__(self):
        self.codes = []

    def warn(self, code, message, level="Warning"):
        self.codes.append(code)


def column(text, nullable=False):
    spec = parse_column_type(ShowParser(text, DEFAULT_MODES))
    return ColumnDef("c", column_type("c", spec, "utf8mb4_0900_ai_ci"), nullable)


# type, value, stored value or error number
STRICT = [
    ("TINYINT", 127, 127), ("TINYINT", 128, 1264), ("TINYINT", "12", 12), ("TINYINT", "12x", 1265),
    ("TINYINT", "x", 1366), ("TINYINT", "", 1366), ("TINYINT", "1.5", 2), ("TINYINT", 1.5, 2),
    ("TINYINT", 2.5, 2), ("TINYINT UNSIGNED", -1, 1264), ("INT", "  7 ", 7),
    ("BIGINT UNSIGNED", 18446744073709551615, "18446744073709551615"),
    ("BIGINT UNSIGNED", 18446744073709551616, 1264),
    ("DECIMAL(5,2)", "1.005", "1.01"), ("DECIMAL(5,2)", 999.994, "999.99"),
    ("DECIMAL(5,2)", "999.995", 1264), ("DECIMAL(5,2)", "abc", 1366), ("DECIMAL(5,2)", 3, "3.00"),
    ("DECIMAL(5,2) UNSIGNED", "-1", 1264), ("DECIMAL(3,0)", "-0.4", "0"),
    ("FLOAT", 1.1, 1.100000023841858), ("DOUBLE", "1e2", 100.0), ("DOUBLE", "x", 1265),
    ("FLOAT", 1e39, 1264), ("DOUBLE", 5, 5.0),
    ("VARCHAR(3)", "abc", "abc"), ("VARCHAR(3)", "abcd", 1406), ("VARCHAR(3)", "ab   ", "ab "),
    ("VARCHAR(3)", 12, "12"), ("VARCHAR(3)", b"\xff", 1366), ("VARCHAR(3)", "äöü", "äöü"),
    ("CHAR(4)", "ab  ", "ab"), ("TINYTEXT", "ä" * 128, 1406), ("TINYTEXT", "a" * 255, "a" * 255),
    ("VARBINARY(2)", "ab", b"ab"), ("VARBINARY(2)", "abc", 1406), ("BINARY(3)", b"a", b"a\0\0"),
    ("BLOB", "\udcff", b"\xff"),
    ("ENUM('a','B')", "b", "B"), ("ENUM('a','B')", 1, "a"), ("ENUM('a','B')", "c", 1265),
    ("ENUM('a','B')", 0, 1265), ("SET('x','y')", "Y,x", "x,y"), ("SET('x','y')", 3, "x,y"),
    ("SET('x','y')", "z", 1265), ("SET('x','y')", "", ""),
    ("BIT(4)", 15, 15), ("BIT(4)", 16, 1406), ("BIT(4)", b"\x05", 5),
    ("YEAR", 2020, 2020), ("YEAR", 20, 2020), ("YEAR", 70, 1970), ("YEAR", 1900, 1264),
    ("YEAR", "0", 2000), ("YEAR", 0, 0),
    ("DATE", "2020-1-2", "2020-01-02"), ("DATE", "2020-01-02 10:00:00", "2020-01-02"),
    ("DATE", 20200102, "2020-01-02"), ("DATE", "2020-02-30", 1292), ("DATE", "0000-00-00", 1292),
    ("DATE", "2020-00-01", 1292),
    ("DATETIME", "2020-01-02 03:04:05.5", "2020-01-02 03:04:06"),
    ("DATETIME(2)", "2020-01-02 03:04:05.567", "2020-01-02 03:04:05.57"),
    ("DATETIME", "nope", 1292), ("TIMESTAMP", "1969-12-31 00:00:00", 1292),
    ("TIMESTAMP", "2038-01-19 03:14:08", 1292),
    ("TIME", "10:11:12.6", 36_673_000_000), ("TIME", "900:00:00", 1292), ("TIME", "x", 1292),
    ("TIME", 101112, 36_672_000_000),
    ("JSON", '{"b":1,"a":[1,2]}', '{"a": [1, 2], "b": 1}'), ("JSON", "{", 3140), ("JSON", 5, "5"),
    ("INT", None, 1048),
]  # fmt: skip


@pytest.mark.parametrize("kind, value, expected", STRICT)
def test_strict_mode(kind, value, expected):
    sink = Sink()
    try:
        found = store_for(column(kind))(value, Problems(sink))
    except SqlError as problem:
        found = problem.errno
    assert found == expected and type(found) is type(expected)


# type, value, stored value, warning
LENIENT = [
    ("TINYINT", 300, 127, 1264), ("TINYINT UNSIGNED", -5, 0, 1264), ("INT", "12x", 12, 1265),
    ("INT", "x", 0, 1366), ("VARCHAR(3)", "abcdef", "abc", 1406),
    ("DECIMAL(3,1)", 1000, "99.9", 1264),
    ("ENUM('a')", "z", "", 1265), ("DATE", "nope", "0000-00-00", 1292), ("INT", None, 0, 1048),
    ("TIME", "900:00:00", 3_020_399_000_000, 1292),
]  # fmt: skip


@pytest.mark.parametrize("kind, value, expected, warning", LENIENT)
def test_without_strict_mode_values_are_fitted(kind, value, expected, warning):
    sink = Sink()
    assert store_for(column(kind))(value, Problems(sink, strict=False)) == expected
    assert sink.codes == [warning]


def test_null_where_it_may_be():
    assert store_for(column("INT", nullable=True))(None, Problems(Sink())) is None


def test_zero_dates_follow_sql_mode():
    lenient = Problems(Sink(), no_zero_date=False, no_zero_in_date=False)
    assert store_for(column("DATE"))("0000-00-00", lenient) == "0000-00-00"
    assert store_for(column("DATETIME"))("2020-00-00", lenient) == "2020-00-00 00:00:00"
