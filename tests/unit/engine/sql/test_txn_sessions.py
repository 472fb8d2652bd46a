"""Transactions, savepoints, autocommit and what status flags say of them."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.results import STATUS_AUTOCOMMIT, STATUS_IN_TRANS, STATUS_NO_BACKSLASH_ESCAPES
from tests.unit.engine.sql.sessionkit import Kit, rows, run, value


async def setup():
    kit = await Kit().start()
    session = kit.session()
    await run(session, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    await run(session, "INSERT INTO t VALUES (1, 1), (2, 2)")
    return kit, session


async def count(session):
    return await value(session, "SELECT count(*) FROM t")


async def test_status_flags():
    _, session = await setup()
    assert session.status_flags == STATUS_AUTOCOMMIT
    await run(session, "BEGIN")
    assert session.status_flags == STATUS_AUTOCOMMIT | STATUS_IN_TRANS
    await run(session, "COMMIT")
    await run(session, "SET autocommit = 0")
    assert session.status_flags == 0
    await run(session, "SELECT @@version")
    assert session.status_flags == 0
    await run(session, "SELECT * FROM t")
    assert session.status_flags == STATUS_IN_TRANS
    await run(session, "SET autocommit = 1")
    assert session.status_flags == STATUS_AUTOCOMMIT
    await run(session, "SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    assert session.status_flags & STATUS_NO_BACKSLASH_ESCAPES


async def test_commit_and_rollback():
    kit, session = await setup()
    other = kit.session()
    await run(session, "START TRANSACTION")
    await run(session, "INSERT INTO t VALUES (3, 3)")
    assert await count(session) == 3
    await run(session, "ROLLBACK")
    assert await count(session) == 2
    await run(session, "BEGIN")
    await run(session, "DELETE FROM t WHERE id = 1")
    await run(session, "COMMIT")
    assert await rows(other, "SELECT id FROM t") == [(2,)]


async def test_a_failing_statement_undoes_itself_alone():
    _, session = await setup()
    await run(session, "BEGIN")
    await run(session, "INSERT INTO t VALUES (3, 3)")
    for sql in ("INSERT INTO t VALUES (4, 4), (1, 1)", "UPDATE t SET id = 9",
                "INSERT INTO t SELECT id + 10, 'x' FROM t"):  # fmt: skip
        with pytest.raises(SqlError):
            await run(session, sql)
        assert await rows(session, "SELECT id FROM t ORDER BY id") == [(1,), (2,), (3,)]
    assert session.conn.writing
    await run(session, "COMMIT")
    assert await count(session) == 3


async def test_savepoints():
    _, session = await setup()
    await run(session, "BEGIN")
    await run(session, "SAVEPOINT `before any write`")
    await run(session, "INSERT INTO t VALUES (3, 3)")
    await run(session, "SAVEPOINT b")
    await run(session, "DELETE FROM t")
    await run(session, "ROLLBACK TO SAVEPOINT b")
    assert await count(session) == 3
    await run(session, "SAVEPOINT c")
    await run(session, "RELEASE SAVEPOINT b")
    for sql in ("ROLLBACK TO c", "RELEASE SAVEPOINT b"):
        with pytest.raises(SqlError) as caught:
            await run(session, sql)
        assert caught.value.errno == 1305
    await run(session, "ROLLBACK TO `BEFORE ANY WRITE`")
    assert await count(session) == 2
    await run(session, "SAVEPOINT x")
    await run(session, "INSERT INTO t VALUES (5, 5)")
    await run(session, "SAVEPOINT x")
    await run(session, "INSERT INTO t VALUES (6, 6)")
    await run(session, "ROLLBACK TO x")
    assert await count(session) == 3
    await run(session, "COMMIT")
    assert await count(session) == 3


async def test_autocommit_off():
    kit, session = await setup()
    other = kit.session()
    await run(session, "SET autocommit = 0")
    await run(session, "INSERT INTO t VALUES (3, 3)")
    assert session.conn.writing
    await run(session, "COMMIT")
    assert await count(other) == 3
    await run(session, "INSERT INTO t VALUES (4, 4)")
    await run(session, "SET autocommit = 1")
    assert await count(other) == 4


async def test_ddl_commits_what_is_open():
    kit, session = await setup()
    other = kit.session()
    await run(session, "BEGIN")
    await run(session, "INSERT INTO t VALUES (3, 3)")
    await run(session, "CREATE TABLE u (a INT)")
    assert not session.conn.writing and session.status_flags == STATUS_AUTOCOMMIT
    await run(session, "ROLLBACK")
    assert await count(other) == 3


async def test_read_only_transactions():
    _, session = await setup()
    await run(session, "START TRANSACTION READ ONLY")
    with pytest.raises(SqlError) as caught:
        await run(session, "INSERT INTO t VALUES (3, 3)")
    assert (caught.value.errno, caught.value.sqlstate) == (1792, "25006")
    await run(session, "COMMIT")
    await run(session, "SET SESSION TRANSACTION READ ONLY")
    with pytest.raises(SqlError) as caught:
        await run(session, "DELETE FROM t")
    assert caught.value.errno == 1792
    await run(session, "SET SESSION TRANSACTION READ WRITE")
    await run(session, "INSERT INTO t VALUES (3, 3)")


async def test_lock_wait_timeout_keeps_the_transaction():
    kit, session = await setup()
    other = kit.session()
    await run(other, "BEGIN")
    await run(other, "UPDATE t SET v = 9 WHERE id = 1")
    await run(session, "BEGIN")
    with pytest.raises(SqlError) as caught:
        await run(session, "UPDATE t SET v = 8 WHERE id = 2")
    assert caught.value.errno == 1205
    assert caught.value.message == "Lock wait timeout exceeded; try restarting transaction"
    assert session.status_flags & STATUS_IN_TRANS
    await run(other, "COMMIT")
    await run(session, "UPDATE t SET v = 8 WHERE id = 2")
    await run(session, "COMMIT")
    assert await rows(session, "SELECT v FROM t") == [(9,), (8,)]


async def test_for_update_takes_the_write_lock_in_a_transaction():
    _, session = await setup()
    await run(session, "SELECT * FROM t WHERE id = 1 FOR UPDATE")
    assert not session.conn.writing
    await run(session, "BEGIN")
    await run(session, "SELECT * FROM t WHERE id = 1 FOR UPDATE")
    assert session.conn.writing
    await run(session, "ROLLBACK")
    assert not session.conn.writing


async def test_unchanged_rows_are_not_committed():
    kit, session = await setup()
    before = kit.store.commits
    await run(session, "UPDATE t SET v = v")
    await run(session, "DELETE FROM t WHERE id = 99")
    assert kit.store.commits == before
    await run(session, "UPDATE t SET v = 7 WHERE id = 1")
    assert kit.store.commits == before + 1


async def test_closing_and_resetting_roll_back():
    kit, session = await setup()
    await run(session, "BEGIN")
    await run(session, "INSERT INTO t VALUES (3, 3)")
    await run(session, "SET @a = 5, sql_mode = ''")
    await session.reset()
    assert session.status_flags == STATUS_AUTOCOMMIT
    assert session.database == "test"
    assert await value(session, "SELECT @a") is None
    assert "STRICT_TRANS_TABLES" in await value(session, "SELECT @@sql_mode")
    assert await count(session) == 2
    await run(session, "BEGIN")
    await run(session, "INSERT INTO t VALUES (3, 3)")
    await session.close()
    assert await count(kit.session()) == 2


async def test_chain():
    _, session = await setup()
    await run(session, "BEGIN")
    await run(session, "COMMIT AND CHAIN")
    assert session.status_flags & STATUS_IN_TRANS
    await run(session, "ROLLBACK")


async def test_user_locks():
    kit, session = await setup()
    other = kit.session()
    assert await value(session, "SELECT get_lock('a', 0)") == 1
    assert await value(other, "SELECT get_lock('A', 0)") == 0
    assert await value(other, "SELECT is_used_lock('a')") == session.connection_id
    assert await value(other, "SELECT release_lock('a')") == 0
    assert await value(session, "SELECT release_lock('a')") == 1
    assert await value(session, "SELECT release_lock('a')") is None
    assert await value(other, "SELECT get_lock('a', 0)") == 1
    await other.close()
    assert await value(session, "SELECT is_free_lock('a')") == 1
