"""CREATE, ALTER, RENAME, TRUNCATE and DROP: what the rows and the definitions become."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.results import Ok
from tests.unit.engine.sql.sessionkit import Kit, rows, run, value

SETUP = (
    "CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT, k INT DEFAULT 0, c VARCHAR(20),"
    " PRIMARY KEY (id))",
    "INSERT INTO t (k, c) VALUES (5, 'a'), (5, 'b'), (7, NULL)",
)


async def setup():
    session = (await Kit().start()).session()
    for sql in SETUP:
        await run(session, sql)
    return session


async def shown(session, table="t"):
    return (await rows(session, f"SHOW CREATE TABLE {table}"))[0][1]


async def test_columns_are_added_with_their_defaults_without_a_copy():
    session = await setup()
    result = await run(session, "ALTER TABLE t ADD d DECIMAL(10,2) NOT NULL DEFAULT 1.5, ADD e INT")
    assert isinstance(result, Ok) and result.affected_rows == 0
    assert await rows(session, "SELECT id, d, e FROM t WHERE id = 1") == [(1, "1.50", None)]
    assert "`d` decimal(10,2) NOT NULL DEFAULT '1.50'" in await shown(session)


async def test_a_changed_layout_copies_and_converts_the_rows():
    session = await setup()
    result = await run(session, "ALTER TABLE t MODIFY k VARCHAR(10) FIRST, RENAME COLUMN c TO cc")
    assert isinstance(result, Ok) and result.affected_rows == 3
    assert await rows(session, "SELECT * FROM t ORDER BY id") == [
        ("5", 1, "a"), ("5", 2, "b"), ("7", 3, None),
    ]  # fmt: skip
    await run(session, "ALTER TABLE t DROP COLUMN k")
    assert await rows(session, "SELECT * FROM t WHERE id = 3") == [(3, None)]


async def test_a_changed_type_in_the_same_place_converts_and_checks_the_rows():
    session = await setup()
    await run(session, "ALTER TABLE t MODIFY k VARCHAR(10)")
    assert await rows(session, "SELECT k FROM t ORDER BY id") == [("5",), ("5",), ("7",)]
    await run(session, "UPDATE t SET k = 'long text' WHERE id = 2")
    with pytest.raises(SqlError) as problem:
        await run(session, "ALTER TABLE t MODIFY k VARCHAR(4)")
    assert problem.value.errno == 1406
    assert await value(session, "SELECT k FROM t WHERE id = 2") == "long text"


async def test_a_column_renamed_in_place_keeps_its_index():
    session = await setup()
    await run(session, "CREATE INDEX by_k ON t (k)")
    await run(session, "ALTER TABLE t RENAME COLUMN k TO kk, ADD INDEX by_c (c(3))")
    assert "KEY `by_k` (`kk`)" in await shown(session)
    assert await value(session, "SELECT count(*) FROM t WHERE kk = 5") == 2


async def test_names_can_be_swapped_and_indexes_follow():
    session = await setup()
    await run(session, "ALTER TABLE t ADD UNIQUE u (c)")
    await run(session, "CREATE TABLE s LIKE t")
    await run(session, "RENAME TABLE t TO x, s TO t, x TO s")
    assert await value(session, "SELECT count(*) FROM s") == 3
    assert await value(session, "SELECT count(*) FROM t") == 0
    with pytest.raises(SqlError) as problem:
        await run(session, "INSERT INTO s (c) VALUES ('a')")
    assert problem.value.message == "Duplicate entry 'a' for key 's.u'"


async def test_truncate_starts_the_ids_over():
    session = await setup()
    await run(session, "TRUNCATE TABLE t")
    await run(session, "INSERT INTO t (c) VALUES ('x')")
    assert await rows(session, "SELECT id, c FROM t") == [(1, "x")]


@pytest.mark.parametrize(
    ("sql", "errno"),
    [
        ("CREATE DATABASE test", 1007),
        ("DROP DATABASE nope", 1008),
        ("CREATE TABLE nope.x (a INT)", 1049),
        ("CREATE TABLE t (a INT)", 1050),
        ("DROP TABLE t, nope", 1051),
        ("CREATE TABLE x (a INT, A INT)", 1060),
        ("ALTER TABLE t ADD INDEX i (k), ADD INDEX i (c)", 1061),
        ("CREATE UNIQUE INDEX u ON t (k)", 1062),
        ("CREATE TABLE x (a INT DEFAULT 'x')", 1067),
        ("CREATE TABLE x (a INT PRIMARY KEY, b INT PRIMARY KEY)", 1068),
        ("ALTER TABLE t ADD INDEX i (nope)", 1072),
        ("CREATE TABLE x (a VARCHAR(70000))", 1074),
        ("CREATE TABLE x (a INT AUTO_INCREMENT)", 1075),
        ("ALTER TABLE t DROP COLUMN nope", 1091),
        ("CREATE TABLE x (a TEXT DEFAULT 'x')", 1101),
        ("ALTER TABLE t MODIFY c VARCHAR(20) NOT NULL", 1138),
        ("CREATE TABLE x (a TEXT, KEY (a))", 1170),
        ("CREATE TABLE x (a DECIMAL(66,0))", 1426),
        ("CREATE TABLE information_schema.x (a INT)", 1044),
    ],
)
async def test_a_refused_definition_changes_nothing(sql, errno):
    session = await setup()
    before = await shown(session), await rows(session, "SELECT * FROM t ORDER BY id")
    with pytest.raises(SqlError) as problem:
        await run(session, sql)
    assert problem.value.errno == errno
    assert (await shown(session), await rows(session, "SELECT * FROM t ORDER BY id")) == before
    assert [row[0] for row in await rows(session, "SHOW TABLES")] == ["t"]
