"""Names and types of result columns, and values at the edges of types."""

from __future__ import annotations

from engine.results import (
    FLAG_AUTO_INCREMENT,
    FLAG_BINARY,
    FLAG_BLOB,
    FLAG_ENUM,
    FLAG_MULTIPLE_KEY,
    FLAG_NOT_NULL,
    FLAG_PRI_KEY,
    FLAG_UNIQUE_KEY,
    FLAG_UNSIGNED,
    TYPE_BIT,
    TYPE_BLOB,
    TYPE_DATE,
    TYPE_DATETIME,
    TYPE_DOUBLE,
    TYPE_FLOAT,
    TYPE_JSON,
    TYPE_LONG,
    TYPE_LONGLONG,
    TYPE_NEWDECIMAL,
    TYPE_NULL,
    TYPE_STRING,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_TINY,
    TYPE_VAR_STRING,
    TYPE_YEAR,
    ResultSet,
)
from tests.unit.engine.sql.sessionkit import Kit, rows, run

TABLE = """CREATE TABLE t (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, i INT, b TINYINT(1), d DECIMAL(10,2),
    f FLOAT, g DOUBLE, s VARCHAR(20), x CHAR(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    e ENUM('a', 'b'), j JSON, dt DATETIME(3), ts TIMESTAMP NULL, da DATE, ti TIME(2), y YEAR,
    bl BLOB, vb VARBINARY(10), bi BIT(8), tx TEXT, UNIQUE KEY (s), KEY (i))"""


async def columns(session, sql):
    result = await run(session, sql)
    assert isinstance(result, ResultSet)
    return result.columns


async def test_columns_of_a_table():
    session = (await Kit().start()).session()
    await run(session, TABLE)
    found = {column.name: column for column in await columns(session, "SELECT * FROM t AS u")}
    types = {name: column.type for name, column in found.items()}
    assert types == {
        "id": TYPE_LONGLONG, "i": TYPE_LONG, "b": TYPE_TINY, "d": TYPE_NEWDECIMAL, "f": TYPE_FLOAT,
        "g": TYPE_DOUBLE, "s": TYPE_VAR_STRING, "x": TYPE_STRING, "e": TYPE_STRING,
        "j": TYPE_JSON, "dt": TYPE_DATETIME, "ts": TYPE_TIMESTAMP, "da": TYPE_DATE,
        "ti": TYPE_TIME, "y": TYPE_YEAR, "bl": TYPE_BLOB, "vb": TYPE_VAR_STRING, "bi": TYPE_BIT,
        "tx": TYPE_BLOB,
    }  # fmt: skip
    lengths = {name: column.length for name, column in found.items()}
    assert lengths == {
        "id": 20, "i": 11, "b": 1, "d": 12, "f": 12, "g": 22, "s": 80, "x": 20, "e": 4,
        "j": 4294967295, "dt": 23, "ts": 19, "da": 10, "ti": 13, "y": 4, "bl": 65535, "vb": 10,
        "bi": 8, "tx": 262140,
    }  # fmt: skip
    assert (found["d"].decimals, found["dt"].decimals, found["g"].decimals) == (2, 3, 31)
    assert {c.charset for n, c in found.items() if n in ("bl", "vb", "i", "da", "j")} == {63}
    assert {c.charset for n, c in found.items() if n in ("s", "tx", "e")} == {255}
    flags = FLAG_NOT_NULL | FLAG_PRI_KEY | FLAG_UNSIGNED | FLAG_AUTO_INCREMENT
    assert found["id"].flags & flags == flags
    assert found["s"].flags & FLAG_UNIQUE_KEY and found["i"].flags & FLAG_MULTIPLE_KEY
    assert found["bl"].flags & (FLAG_BLOB | FLAG_BINARY) == FLAG_BLOB | FLAG_BINARY
    assert found["tx"].flags & FLAG_BLOB and not found["tx"].flags & FLAG_BINARY
    assert found["e"].flags & FLAG_ENUM and found["x"].flags & FLAG_BINARY
    places = {(c.schema, c.table, c.org_table) for c in found.values()}
    assert places == {("test", "u", "t")}


async def test_aliases_keep_their_origin():
    session = (await Kit().start()).session()
    await run(session, TABLE)
    (column,) = await columns(session, "SELECT q.k FROM (SELECT i AS k FROM t) AS q")
    assert (column.name, column.org_name, column.org_table) == ("k", "i", "t")


async def test_names_are_the_text_written():
    session = (await Kit().start()).session()
    sql = (
        "SELECT 1+1, count( * ), 'text', \"dq\", 1.50, NULL, @@version , concat('a',\n'b') AS `x y`"
    )
    names = [column.name for column in await columns(session, sql)]
    assert names == ["1+1", "count( * )", "text", "dq", "1.50", "NULL", "@@version", "x y"]


async def test_types_of_expressions():
    session = (await Kit().start()).session()
    await run(session, TABLE)
    cases = {
        "1": TYPE_LONGLONG, "1 = 1": TYPE_LONGLONG, "1.5": TYPE_NEWDECIMAL, "1e0": TYPE_DOUBLE,
        "'a'": TYPE_VAR_STRING, "NULL": TYPE_NULL, "1/2": TYPE_NEWDECIMAL, "5 DIV 2": TYPE_LONGLONG,
        "i + 1": TYPE_LONGLONG, "d * 2": TYPE_NEWDECIMAL, "g + 1": TYPE_DOUBLE,
        "s + 1": TYPE_DOUBLE, "sum(i)": TYPE_NEWDECIMAL, "avg(i)": TYPE_NEWDECIMAL,
        "sum(g)": TYPE_DOUBLE, "count(*)": TYPE_LONGLONG, "max(da)": TYPE_DATE,
        "now()": TYPE_DATETIME, "curdate()": TYPE_DATE, "curtime()": TYPE_TIME,
        "concat(i, s)": TYPE_VAR_STRING, "json_array(1)": TYPE_JSON, "cast(i AS JSON)": TYPE_JSON,
        "if(i, 1, 'a')": TYPE_VAR_STRING, "coalesce(i, 1.5)": TYPE_NEWDECIMAL,
        "x'41'": TYPE_VAR_STRING,
    }  # fmt: skip
    wrong = {}
    for text, expected in cases.items():
        (column,) = await columns(session, f"SELECT {text} FROM t")
        if column.type != expected:
            wrong[text] = column.type
    assert not wrong
    (column,) = await columns(session, "SELECT 18446744073709551615")
    assert column.flags & FLAG_UNSIGNED
    (column,) = await columns(session, "SELECT d * d FROM t")
    assert column.decimals == 4


async def test_values_at_the_edges():
    session = (await Kit().start()).session()
    await run(session, TABLE)
    await run(
        session,
        "INSERT INTO t (i, b, d, f, g, s, x, e, j, dt, da, ti, y, bl, vb, bi, tx) VALUES"
        " (-2147483648, TRUE, -99999999.99, 1.1, 1e300, 'Ünïcödé', 'ab  ', 2,"
        " '{\"b\": [1, 2.50], \"a\": null}', '2020-01-02 03:04:05.6789', '9999-12-31',"
        " '-838:59:59', 2155, x'00ff', 'x', 255, repeat('y', 300))",
    )
    await run(session, "INSERT INTO t (id) VALUES (9223372036854775807)")
    found = await rows(session, "SELECT i, b, d, g, s, x, e, j, dt, da, ti, y, bl, bi FROM t"
                                " WHERE id = 1")  # fmt: skip
    assert found == [
        (-2147483648, 1, "-99999999.99", 1e300, "Ünïcödé", "ab", "b",
         '{"a": null, "b": [1, 2.5]}', "2020-01-02 03:04:05.679", "9999-12-31", "-838:59:59.00",
         2155, b"\x00\xff", 255)
    ]  # fmt: skip
    await run(session, "CREATE TABLE u (n BIGINT UNSIGNED, KEY (n))")
    await run(
        session, "INSERT INTO u VALUES (5), (18446744073709551615), (9223372036854775808), (0)"
    )
    assert await rows(session, "SELECT n FROM u ORDER BY n") == [
        (0,), (5,), (9223372036854775808,), (18446744073709551615,),
    ]  # fmt: skip
    assert await rows(session, "SELECT n FROM u WHERE n > 9223372036854775807 ORDER BY n DESC") == [
        (18446744073709551615,), (9223372036854775808,),
    ]  # fmt: skip
    assert await rows(session, "SELECT sum(n), max(n) FROM u") == [
        ("27670116110564327428", 18446744073709551615)
    ]


async def test_sorting_and_grouping_by_type():
    session = (await Kit().start()).session()
    await run(session, "CREATE TABLE o (s VARCHAR(9), d DECIMAL(6,1), t TIME, e ENUM('z', 'a'))")
    await run(session, "INSERT INTO o VALUES ('b', 10, '100:00:00', 'a'), ('A', 9.5, '9:00', 'z'),"
                       " ('B', -1, '-1:00', 'a'), ('a', 9.5, '23:00', 'z')")  # fmt: skip
    for column, expected in (
        ("d", ["-1.0", "9.5", "9.5", "10.0"]),
        ("t", ["-01:00:00", "09:00:00", "23:00:00", "100:00:00"]),
        ("e", ["z", "z", "a", "a"]),
    ):
        found = [row[0] for row in await rows(session, f"SELECT {column} FROM o ORDER BY {column}")]
        assert found == expected, column
    assert await rows(session, "SELECT count(*) FROM o GROUP BY s ORDER BY 1") == [(2,), (2,)]
    assert await rows(session, "SELECT count(*) FROM o GROUP BY concat(s, '') ORDER BY 1") == [
        (2,), (2,),
    ]  # fmt: skip
    assert len(await rows(session, "SELECT DISTINCT d FROM o")) == 3
    assert await rows(session, "SELECT count(*) FROM o WHERE t > '9:30'") == [(2,)]
    assert await rows(session, "SELECT count(*) FROM o WHERE s = 'A'") == [(2,)]


async def test_timestamps_follow_the_session_zone():
    kit = await Kit().start()
    one, two = kit.session(), kit.session()
    await run(one, "CREATE TABLE z (id INT PRIMARY KEY, ts TIMESTAMP NULL, dt DATETIME)")
    await run(two, "SET time_zone = '+02:00'")
    await run(one, "INSERT INTO z VALUES (1, '2020-01-01 12:00:00', '2020-01-01 12:00:00')")
    await run(two, "INSERT INTO z VALUES (2, '2020-01-01 12:00:00', '2020-01-01 12:00:00')")
    assert await rows(one, "SELECT id, ts, dt FROM z ORDER BY id") == [
        (1, "2020-01-01 12:00:00", "2020-01-01 12:00:00"),
        (2, "2020-01-01 10:00:00", "2020-01-01 12:00:00"),
    ]
    assert await rows(two, "SELECT ts FROM z ORDER BY id") == [
        ("2020-01-01 14:00:00",), ("2020-01-01 12:00:00",),
    ]  # fmt: skip
    assert await rows(two, "SELECT id FROM z WHERE ts = '2020-01-01 12:00:00'") == [(2,)]
    await run(two, "UPDATE z SET ts = ts WHERE id = 2")
    await run(two, "UPDATE z SET dt = ts WHERE id = 2")
    await run(two, "INSERT INTO z VALUES (1, '2020-06-01 12:00:00', NULL)"
                   " ON DUPLICATE KEY UPDATE ts = VALUES(ts)")  # fmt: skip
    assert await rows(one, "SELECT ts, dt FROM z ORDER BY id") == [
        ("2020-06-01 10:00:00", "2020-01-01 12:00:00"),
        ("2020-01-01 10:00:00", "2020-01-01 12:00:00"),
    ]


async def test_large_results_stream_and_hold_their_snapshot():
    kit = await Kit().start()
    session = kit.session()
    await run(session, "CREATE TABLE n (id INT PRIMARY KEY)")
    await run(session, "INSERT INTO n VALUES " + ", ".join(f"({at})" for at in range(1000)))
    result = await session.run(await session.prepare("SELECT id FROM n ORDER BY id"), ())
    assert isinstance(result, ResultSet)
    reading = iter(result.rows)
    assert next(reading) == (0,) and session.conn.pins == 1
    assert sum(1 for _ in reading) == 999 and session.conn.pins == 0
    assert await rows(session, "SELECT found_rows()") == [(1000,)]
    result = await session.run(await session.prepare("SELECT id FROM n ORDER BY id"), ())
    assert isinstance(result, ResultSet)
    result.close()
    result.close()
    assert session.conn.pins == 0
    await run(session, "DELETE FROM n")
    limited = await rows(session, "SELECT SQL_CALC_FOUND_ROWS 1 FROM n LIMIT 1")
    assert limited == [] and await rows(session, "SELECT found_rows()") == [(0,)]
