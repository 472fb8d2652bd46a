"""Statements executed from their trees: transactions, SET, USE, KILL, accounts, DDL, SHOW."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, get_args

from engine.errors import error, query_interrupted, unknown_thread
from engine.results import Column, Ok, Result
from engine.sql import users
from engine.sql.ddl import execute_ddl
from engine.sql.explain import EXPLAIN_COLUMNS, explain
from engine.sql.maintenance import MAINTENANCE_COLUMNS, maintain
from engine.sql.parse import admin_nodes as admin
from engine.sql.parse import ast
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.sets import evaluate, run_set
from engine.sql.show import execute_show

if TYPE_CHECKING:
    from engine.sql.executor import SqlSession

Command = Callable[["SqlSession", Any], Awaitable[Result]]

_DEFINITIONS: Final = get_args(ddl.Definition)
_ACCOUNTS: Final = (
    admin.CreateUser, admin.AlterUser, admin.DropUser, admin.RenameUser, admin.Grant,
    admin.Revoke,
)  # fmt: skip


async def run_command(session: SqlSession, node: Any, params: Sequence[Any]) -> Result:
    if params:
        node = _with_params(node, params)
    if isinstance(node, _DEFINITIONS):
        return await execute_ddl(session, node)
    if isinstance(node, _ACCOUNTS):
        session.conn.pin()  # privileges are read before anything is written
        return await users.execute_account(session, node)
    return await _COMMANDS[type(node)](session, node)


async def command_columns(session: SqlSession, node: Any) -> tuple[Column, ...]:
    """The columns a command's result will have, for clients that prepare it."""
    if isinstance(node, admin.Show | admin.Describe):
        result = await execute_show(session, node)
        result.close()
        return result.columns
    if isinstance(node, admin.Explain):
        return EXPLAIN_COLUMNS
    return MAINTENANCE_COLUMNS if isinstance(node, admin.Maintain) else ()


def _with_params(node: Any, params: Sequence[Any]) -> Any:
    """Bound values in commands stand where a literal may: SET @x = ?, KILL ?."""
    if isinstance(node, ast.Param):
        value = params[node.index]
        kinds = {int: "int", float: "float", str: "string", bytes: "bytes"}
        return ast.Literal(value, kinds.get(type(value), "null"))
    if isinstance(node, list):
        return [_with_params(item, params) for item in node]
    if isinstance(node, tuple):
        return tuple(_with_params(item, params) for item in node)
    fields = getattr(node, "__attrs_attrs__", None)
    if fields is None:
        return node
    values = {field.name: _with_params(getattr(node, field.name), params) for field in fields}
    return type(node)(**values)


# transactions


async def _begin(session: SqlSession, node: admin.Begin) -> Result:
    await session.transaction.commit()
    session.transaction.begin(
        read_only=node.read_only or None, consistent_snapshot=node.consistent_snapshot
    )
    return Ok()


async def _commit(session: SqlSession, node: admin.Commit) -> Result:
    read_only = session.transaction.read_only
    await session.transaction.commit()
    if node.chain:
        session.transaction.begin(read_only=read_only, consistent_snapshot=False)
    return Ok()


async def _rollback(session: SqlSession, node: admin.Rollback) -> Result:
    read_only = session.transaction.read_only
    session.transaction.rollback()
    if node.chain:
        session.transaction.begin(read_only=read_only, consistent_snapshot=False)
    return Ok()


async def _savepoint(session: SqlSession, node: admin.Savepoint) -> Result:
    session.transaction.savepoint(node.name)
    return Ok()


async def _rollback_to(session: SqlSession, node: admin.RollbackTo) -> Result:
    session.transaction.rollback_to(node.name)
    return Ok()


async def _release(session: SqlSession, node: admin.ReleaseSavepoint) -> Result:
    session.transaction.release(node.name)
    return Ok()


# the session and the server


async def _use(session: SqlSession, node: admin.Use) -> Result:
    await session.use(node.name)
    return Ok()


async def _kill(session: SqlSession, node: admin.Kill) -> Result:
    value, _ = evaluate(session, node.target)
    if not isinstance(value, int):
        raise error(1210, "KILL")
    if not session.info.sessions.kill(value, query_only=node.query):
        raise unknown_thread(value)
    if value == session.connection_id:
        raise query_interrupted()
    return Ok()


async def _do(session: SqlSession, node: admin.Do) -> Result:
    for value in node.values:
        evaluate(session, value)
    return Ok()


async def _flush(session: SqlSession, node: admin.Flush) -> Result:
    """Nothing is cached that could be stale; with a read lock the snapshot stays as it is."""
    await session.transaction.commit()
    if node.read_lock:
        session.transaction.hold_snapshot()
    return Ok()


async def _lock_tables(session: SqlSession, node: admin.LockTables) -> Result:
    await session.transaction.commit()
    session.transaction.let_go()
    catalog = session.catalog()
    for table, _ in node.tables:
        schema = table.schema or session.database
        if schema is None:
            raise error(1046)
        catalog.table(schema, table.name)
    if not any(write for _, write in node.tables):
        session.transaction.hold_snapshot()
    return Ok()


async def _unlock_tables(session: SqlSession, node: admin.UnlockTables) -> Result:
    session.transaction.let_go()
    return Ok()


async def _show(session: SqlSession, node: Any) -> Result:
    session.conn.pin()
    return await execute_show(session, node)


_COMMANDS: Final[dict[type, Command]] = {
    admin.Begin: _begin,
    admin.Commit: _commit,
    admin.Rollback: _rollback,
    admin.Savepoint: _savepoint,
    admin.RollbackTo: _rollback_to,
    admin.ReleaseSavepoint: _release,
    admin.Set: run_set,
    admin.Use: _use,
    admin.Kill: _kill,
    admin.Do: _do,
    admin.Flush: _flush,
    admin.LockTables: _lock_tables,
    admin.UnlockTables: _unlock_tables,
    admin.Maintain: maintain,
    admin.Show: _show,
    admin.Describe: _show,
    admin.Explain: explain,
}
