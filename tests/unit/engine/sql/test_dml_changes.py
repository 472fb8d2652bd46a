"""INSERT, REPLACE, UPDATE and DELETE: rows, affected counts, insert ids."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.results import Ok
from engine.sql.executor import CLIENT_FOUND_ROWS
from tests.unit.engine.sql.sessionkit import Kit, rows, run, value

SETUP = (
    "CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT, k INT DEFAULT 0, c VARCHAR(20) NOT NULL"
    " DEFAULT '', PRIMARY KEY (id), UNIQUE KEY c (c))",
    "INSERT INTO t (k, c) VALUES (1, 'a'), (2, 'b'), (3, 'c')",
)


async def setup(flags: int = 0):
    session = (await Kit().start()).session(flags=flags)
    for sql in SETUP:
        await run(session, sql)
    return session


def outcome(result):
    assert isinstance(result, Ok)
    return result.affected_rows, result.last_insert_id, result.info


# client-demands 1.5, FOUND_ROWS off / on
@pytest.mark.parametrize("flags", [0, CLIENT_FOUND_ROWS])
async def test_affected_rows_and_insert_ids(flags):
    session = await setup(flags)
    on = bool(flags)
    cases = [
        ("UPDATE t SET k = k WHERE id <= 3", (3 if on else 0, 0)),
        ("UPDATE t SET k = 9 WHERE id = 1", (1, 0)),
        ("INSERT INTO t (k, c) VALUES (4, 'd') ON DUPLICATE KEY UPDATE k = 5", (1, 4)),
        ("INSERT INTO t (k, c) VALUES (4, 'd') ON DUPLICATE KEY UPDATE k = 5", (2, 4)),
        ("INSERT INTO t (k, c) VALUES (4, 'd') ON DUPLICATE KEY UPDATE k = 5", (1 if on else 0, 0)),
        ("REPLACE INTO t (k, c) VALUES (6, 'd')", (2, 7)),
        ("INSERT IGNORE INTO t (k, c) VALUES (6, 'd')", (0, 0)),
        ("INSERT INTO t (k, c) VALUES (7, 'x'), (8, 'y'), (9, 'z')", (3, 9)),
        ("INSERT INTO t (id, c) VALUES (0, 'zero')", (1, 12)),
        ("INSERT INTO t (id, c) VALUES (NULL, 'null')", (1, 13)),
        ("INSERT INTO t (id, c) VALUES (50, 'fifty')", (1, 50)),
        ("INSERT INTO t (c) VALUES ('after')", (1, 51)),
        ("DELETE FROM t WHERE id > 50", (1, 0)),
        ("DELETE FROM t WHERE id = 999", (0, 0)),
    ]
    for sql, expected in cases:
        result = await run(session, sql)
        assert outcome(result)[:2] == expected, sql
    count = await value(session, "SELECT count(*) FROM t")
    assert outcome(await run(session, "DELETE FROM t"))[0] == count


async def test_info_texts():
    session = await setup()
    assert outcome(await run(session, "UPDATE t SET k = 7 WHERE id > 1"))[2] == (
        "Rows matched: 2  Changed: 2  Warnings: 0"
    )
    assert outcome(await run(session, "INSERT INTO t (c) VALUES ('x'), ('y')"))[2] == (
        "Records: 2  Duplicates: 0  Warnings: 0"
    )
    assert outcome(await run(session, "INSERT IGNORE INTO t (c) VALUES ('x'), ('q')"))[2] == (
        "Records: 2  Duplicates: 1  Warnings: 1"
    )
    assert outcome(await run(session, "INSERT INTO t (c) VALUES ('one')"))[2] == ""


async def test_last_insert_id_is_the_first_of_a_statement_and_survives_others():
    session = await setup()
    await run(session, "INSERT INTO t (c) VALUES ('x'), ('y')")
    assert await value(session, "SELECT last_insert_id()") == 4
    await run(session, "UPDATE t SET k = 1")
    await run(session, "INSERT INTO t (id, c) VALUES (100, 'explicit')")
    assert await value(session, "SELECT last_insert_id()") == 4
    result = await run(session, "UPDATE t SET k = last_insert_id(77) WHERE id = 1")
    assert isinstance(result, Ok)
    assert await value(session, "SELECT last_insert_id()") == 77


async def test_assignments_see_earlier_ones():
    session = await setup()
    await run(session, "UPDATE t SET k = k + 10, c = concat(c, k) WHERE id = 2")
    assert await rows(session, "SELECT k, c FROM t WHERE id = 2") == [(12, "b12")]


async def test_update_in_order_avoids_collisions():
    session = await setup()
    with pytest.raises(SqlError) as caught:
        await run(session, "UPDATE t SET id = id + 1")
    assert caught.value.errno == 1062
    await run(session, "UPDATE t SET id = id + 1 ORDER BY id DESC")
    assert await rows(session, "SELECT id FROM t") == [(2,), (3,), (4,)]


async def test_limits_and_orders():
    session = await setup()
    await run(session, "UPDATE t SET k = 0 WHERE id > 0 ORDER BY id DESC LIMIT 1")
    assert await rows(session, "SELECT id FROM t WHERE k = 0") == [(3,)]
    await run(session, "UPDATE t SET k = 50 LIMIT 2")
    assert await value(session, "SELECT count(*) FROM t WHERE k = 50") == 2
    await run(session, "DELETE FROM t ORDER BY id DESC LIMIT 1")
    assert await rows(session, "SELECT id FROM t ORDER BY id") == [(1,), (2,)]


async def test_several_tables():
    session = await setup()
    await run(session, "CREATE TABLE u (t_id INT, v INT)")
    await run(session, "INSERT INTO u VALUES (1, 10), (2, 20), (2, 21)")
    result = await run(session, "UPDATE t JOIN u ON u.t_id = t.id SET t.k = u.v, u.v = 0")
    assert outcome(result)[0] == 5
    assert await rows(session, "SELECT k FROM t ORDER BY id") == [(10,), (20,), (3,)]
    result = await run(session, "DELETE t, u FROM t JOIN u ON u.t_id = t.id WHERE t.id = 2")
    assert outcome(result)[0] == 3
    result = await run(session, "DELETE FROM u USING t JOIN u ON u.t_id = t.id")
    assert outcome(result)[0] == 1
    assert await value(session, "SELECT count(*) FROM u") == 0


async def test_insert_forms():
    session = await setup()
    await run(session, "INSERT INTO t SET k = 5, c = 'set'")
    await run(session, "INSERT INTO t () VALUES ()")
    await run(session, "INSERT INTO t (k, c) SELECT k + 100, concat(c, '!') FROM t WHERE id < 3")
    await run(session, "INSERT INTO t (c, k) VALUES (DEFAULT(k), DEFAULT)")
    await run(session, "INSERT INTO t VALUES (NULL, 1 + 1, upper('expr'))")
    found = await rows(session, "SELECT k, c FROM t WHERE id > 3 ORDER BY id")
    assert found == [(5, "set"), (0, ""), (101, "a!"), (102, "b!"), (0, "0"), (2, "EXPR")]


async def test_on_duplicate_key_update_sees_old_and_new():
    session = await setup()
    sql = (
        "INSERT INTO t (c, k) VALUES ('a', 5), ('new', 6) {}"
        " ON DUPLICATE KEY UPDATE k = k * 10 + {}"
    )
    await run(session, sql.format("", "VALUES(k)"))
    assert await rows(session, "SELECT k FROM t WHERE c IN ('a', 'new') ORDER BY c") == [
        (15,),
        (6,),
    ]
    await run(session, sql.format("AS n", "n.k"))
    assert await rows(session, "SELECT k FROM t WHERE c IN ('a', 'new') ORDER BY c") == [
        (155,),
        (66,),
    ]
    sql = "INSERT INTO t (c, k) VALUES ('a', 1) AS n(x, y) ON DUPLICATE KEY UPDATE k = y"
    await run(session, sql)
    assert await value(session, "SELECT k FROM t WHERE c = 'a'") == 1


async def test_replace_removes_every_row_in_the_way():
    session = await setup()
    assert outcome(await run(session, "REPLACE INTO t VALUES (1, 9, 'b')"))[0] == 3
    assert await rows(session, "SELECT id, k, c FROM t ORDER BY id") == [(1, 9, "b"), (3, 3, "c")]


async def test_on_update_current_timestamp_only_when_the_row_changes():
    session = (await Kit().start()).session()
    await run(session, "CREATE TABLE s (id INT PRIMARY KEY, v INT, ts DATETIME NULL ON UPDATE"
                       " CURRENT_TIMESTAMP, made TIMESTAMP DEFAULT CURRENT_TIMESTAMP)")  # fmt: skip
    await run(session, "INSERT INTO s (id, v) VALUES (1, 1), (2, 2)")
    await run(session, "UPDATE s SET v = 2")
    found = await rows(session, "SELECT ts, made IS NOT NULL FROM s ORDER BY id")
    assert found == [("2023-11-14 22:13:20", 1), (None, 1)]


async def test_long_values_lists_take_the_short_way():
    session = await setup()
    parts = ", ".join(f"({at}, 'row{at} it''s \\n (x), y')" for at in range(200))
    result = await run(session, f"INSERT INTO t (k, c) VALUES {parts};")
    assert outcome(result)[:2] == (200, 4)
    assert await rows(session, "SELECT c FROM t WHERE k = 150") == [("row150 it's \n (x), y",)]
    bad = parts + ", (1, 'row5 it''s \\n (x), y')"
    with pytest.raises(SqlError) as caught:
        await run(session, f"INSERT INTO t (k, c) VALUES {bad}")
    assert caught.value.errno == 1062
    assert await value(session, "SELECT count(*) FROM t") == 203
    mixed = ", ".join(f"(NULL, {at}.5, NULL, 0x41, DEFAULT, -1, TRUE, 1e3)" for at in range(60))
    await run(session, "CREATE TABLE m (id INT AUTO_INCREMENT PRIMARY KEY, d DECIMAL(9,2), n INT,"
                       " b VARBINARY(9), e INT DEFAULT 8, i INT, t INT, f DOUBLE)")  # fmt: skip
    await run(session, f"INSERT INTO m VALUES {mixed}")
    assert await rows(session, "SELECT * FROM m WHERE id = 60") == [
        (60, "59.50", None, b"A", 8, -1, 1, 1000.0)
    ]


ERRORS = [
    ("INSERT INTO t (id, c) VALUES (1, 'q')", 1062, "Duplicate entry '1' for key 't.PRIMARY'"),
    ("INSERT INTO t (c) VALUES ('A')", 1062, "Duplicate entry 'A' for key 't.c'"),
    ("UPDATE t SET c = 'b' WHERE id = 1", 1062, "Duplicate entry 'b' for key 't.c'"),
    ("UPDATE t SET c = concat('', 'same')", 1062, "Duplicate entry 'same' for key 't.c'"),
    ("INSERT INTO t (k) VALUES (99999999999)", 1264, "Out of range value for column 'k' at row 1"),
    ("INSERT INTO t (k, c) VALUES (1, 'x'), ('y', 'y')", 1366,
     "Incorrect integer value: 'y' for column 'k' at row 2"),
    ("INSERT INTO t (c) VALUES (repeat('x', 21))", 1406, "Data too long for column 'c' at row 1"),
    ("INSERT INTO t (c) VALUES (NULL)", 1048, "Column 'c' cannot be null"),
    ("UPDATE t SET c = NULL", 1048, "Column 'c' cannot be null"),
    ("UPDATE t SET k = 1/0", 1365, "Division by 0"),
    ("INSERT INTO t (k, nope) VALUES (1, 2)", 1054, "Unknown column 'nope' in 'field list'"),
    ("INSERT INTO t (k, k) VALUES (1, 2)", 1110, "Column 'k' specified twice"),
    ("INSERT INTO t VALUES (1)", 1136, "Column count doesn't match value count at row 1"),
    ("UPDATE t SET nope = 1", 1054, "Unknown column 'nope' in 'field list'"),
    ("UPDATE t SET k = 1 WHERE nope = 1", 1054, "Unknown column 'nope' in 'where clause'"),
    ("DELETE FROM nope", 1146, "Table 'test.nope' doesn't exist"),
    ("INSERT INTO information_schema.tables (x) VALUES (1)", 1044, None),
]  # fmt: skip


@pytest.mark.parametrize("sql, errno, text", ERRORS)
async def test_errors_leave_the_table_alone(sql, errno, text):
    session = await setup()
    before = await rows(session, "SELECT * FROM t ORDER BY id")
    with pytest.raises(SqlError) as caught:
        await run(session, sql)
    assert caught.value.errno == errno
    assert text is None or caught.value.message == text
    assert await rows(session, "SELECT * FROM t ORDER BY id") == before
    assert not session.conn.writing


async def test_no_default_value():
    session = (await Kit().start()).session()
    await run(
        session, "CREATE TABLE n (a INT NOT NULL, b VARCHAR(5) NOT NULL, e ENUM('x') NOT NULL)"
    )
    with pytest.raises(SqlError) as caught:
        await run(session, "INSERT INTO n (b, e) VALUES ('q', 'x')")
    assert (caught.value.errno, caught.value.message) == (
        1364, "Field 'a' doesn't have a default value",
    )  # fmt: skip
    await run(session, "SET sql_mode = ''")
    result = await run(session, "INSERT INTO n (b) VALUES ('too long')")
    assert isinstance(result, Ok) and result.warnings == 2
    assert await rows(session, "SELECT * FROM n") == [(0, "too l", "x")]


async def test_writes_on_a_reader():
    kit = await Kit().start()
    session = kit.session()
    await run(session, "CREATE TABLE r (a INT)")
    kit.store.read_only = True
    for sql in ("INSERT INTO r VALUES (1)", "UPDATE r SET a = 1", "DELETE FROM r",
                "CREATE TABLE q (a INT)", "DROP TABLE r", "CREATE USER x"):  # fmt: skip
        with pytest.raises(SqlError) as caught:
            await run(session, sql)
        assert caught.value.errno == 1290 and caught.value.sqlstate == "HY000"
        assert caught.value.message == (
            "The MySQL server is running with the --read-only option so it cannot execute this "
            "statement"
        )
    assert await rows(session, "SELECT * FROM r") == []


async def test_row_count_is_of_the_statement_before():
    session = await setup()
    await run(session, "CREATE TABLE counted(id INT PRIMARY KEY, n INT)")
    assert await value(session, "SELECT row_count()") == 0
    await run(session, "INSERT INTO counted VALUES (1, 1), (2, 2)")
    assert await value(session, "SELECT row_count()") == 2
    assert await value(session, "SELECT row_count()") == -1
    await run(session, "UPDATE counted SET n = n + 1 WHERE id = 1")
    assert await value(session, "SELECT row_count() FROM counted WHERE id = 1") == 1
