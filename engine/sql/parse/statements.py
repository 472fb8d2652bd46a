"""The entry to the parser: one statement's text -> its tree, or 1064 / 1235.

Statements MySQL knows and this server does not are named in a 1235 error, never skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from attrs import frozen

from engine.errors import empty_query, not_supported
from engine.sql.parse import admin_nodes as admin
from engine.sql.parse import ast
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.parse.lexer import DEFAULT_MODES, LexerModes, Token
from engine.sql.parse.shows import ShowParser

StatementNode: TypeAlias = (
    ast.Query | ast.Insert | ast.Update | ast.Delete | ddl.Definition | admin.Administration
)


@frozen
class Parsed:
    node: StatementNode
    param_count: int
    tokens: list[Token]


_UNSUPPORTED: Final[dict[str, str]] = {
    "CALL": "CALL",
    "LOAD": "LOAD DATA",
    "HANDLER": "HANDLER",
    "XA": "XA transactions",
    "PREPARE": "PREPARE as SQL text",
    "EXECUTE": "EXECUTE as SQL text",
    "DEALLOCATE": "DEALLOCATE PREPARE as SQL text",
    "SIGNAL": "SIGNAL",
    "RESIGNAL": "RESIGNAL",
    "GET": "GET DIAGNOSTICS",
    "INSTALL": "INSTALL",
    "UNINSTALL": "UNINSTALL",
    "CHANGE": "CHANGE MASTER / REPLICATION",
    "PURGE": "PURGE BINARY LOGS",
    "RESET": "RESET",
    "RESTART": "RESTART",
    "SHUTDOWN": "SHUTDOWN",
    "STOP": "STOP REPLICA",
    "BINLOG": "BINLOG",
    "CACHE": "CACHE INDEX",
    "CHECKSUM": "CHECKSUM TABLE",
    "CLONE": "CLONE",
    "IMPORT": "IMPORT TABLE",
    "HELP": "HELP",
}

_RULES: Final[dict[str, Callable[[ShowParser], StatementNode]]] = {
    "SELECT": ShowParser.query,
    "WITH": ShowParser.query,
    "VALUES": ShowParser.query,
    "TABLE": ShowParser.query,
    "(": ShowParser.query,
    "INSERT": ShowParser.insert,
    "REPLACE": ShowParser.insert,
    "UPDATE": ShowParser.update,
    "DELETE": ShowParser.delete,
    "TRUNCATE": ShowParser.truncate,
    "BEGIN": ShowParser.begin,
    "COMMIT": ShowParser.commit,
    "ROLLBACK": ShowParser.rollback,
    "SAVEPOINT": ShowParser.savepoint,
    "RELEASE": ShowParser.release,
    "SET": ShowParser.set,
    "USE": ShowParser.use,
    "KILL": ShowParser.kill,
    "DO": ShowParser.do,
    "FLUSH": ShowParser.flush,
    "LOCK": ShowParser.lock_tables,
    "UNLOCK": ShowParser.unlock,
    "ANALYZE": ShowParser.maintain,
    "CHECK": ShowParser.maintain,
    "OPTIMIZE": ShowParser.maintain,
    "REPAIR": ShowParser.maintain,
    "GRANT": ShowParser.grant,
    "REVOKE": ShowParser.revoke,
    "SHOW": ShowParser.show,
    "DESCRIBE": ShowParser.describe,
    "DESC": ShowParser.describe,
    "EXPLAIN": ShowParser.describe,
}


_USER_RULES: Final[dict[str, Callable[[ShowParser], StatementNode]]] = {
    "CREATE": ShowParser.create_user,
    "ALTER": ShowParser.alter_user,
    "DROP": ShowParser.drop_user,
    "RENAME": ShowParser.rename_user,
}


def parse_statement(
    sql: str, modes: LexerModes = DEFAULT_MODES, *, pipes_as_concat: bool = False
) -> Parsed:
    """Parse exactly one statement; a second one after ";" is a syntax error."""
    parser = ShowParser(sql, modes, pipes_as_concat=pipes_as_concat)
    while parser.token.upper == ";":
        parser.advance()
    if parser.at_end():
        if "/*" in sql or "--" in sql or "#" in sql:
            return Parsed(admin.Do([]), 0, parser.tokens)  # only comments: MySQL says OK
        raise empty_query()
    node = _statement(parser)
    parser.expect_end()
    return Parsed(node, parser.params, parser.tokens)


def _statement(parser: ShowParser) -> StatementNode:
    upper = parser.token.upper
    following = parser.peek().upper
    if following == "USER" and upper in _USER_RULES:
        return _USER_RULES[upper](parser)
    if upper == "CREATE":
        return parser.create()
    if upper == "ALTER":
        return parser.alter()
    if upper == "DROP":
        return parser.drop()
    if upper == "RENAME":
        return parser.rename()
    if upper == "START":
        if following != "TRANSACTION":
            raise not_supported("START REPLICA")
        return parser.begin()
    rule = _RULES.get(upper)
    if rule is not None:
        return rule(parser)
    if upper in _UNSUPPORTED:
        raise not_supported(_UNSUPPORTED[upper])
    raise parser.fail()


def parse_expression(sql: str) -> ast.Expr:
    """One expression alone, as stored for a column's default."""
    parser = ShowParser(sql, DEFAULT_MODES)
    value = parser.expression()
    parser.expect_end()
    return value
