"""SHOW, DESCRIBE and EXPLAIN."""

from __future__ import annotations

from typing import Final

from engine.errors import not_supported
from engine.sql.parse import admin_nodes as admin
from engine.sql.parse import ast
from engine.sql.parse.lexer import STRING
from engine.sql.parse.sessions import SessionParser

# Phrases without a table or schema, in the words that follow SHOW -> canonical name.
_PLAIN: Final[dict[tuple[str, ...], str]] = {
    ("DATABASES",): "DATABASES",
    ("SCHEMAS",): "DATABASES",
    ("ENGINES",): "ENGINES",
    ("STORAGE", "ENGINES"): "ENGINES",
    ("PLUGINS",): "PLUGINS",
    ("PRIVILEGES",): "PRIVILEGES",
    ("COLLATION",): "COLLATION",
    ("CHARSET",): "CHARACTER SET",
    ("CHARACTER", "SET"): "CHARACTER SET",
    ("CHAR", "SET"): "CHARACTER SET",
    ("PROCESSLIST",): "PROCESSLIST",
    ("MASTER", "STATUS"): "MASTER STATUS",
    ("BINARY", "LOG", "STATUS"): "MASTER STATUS",
    ("SLAVE", "STATUS"): "SLAVE STATUS",
    ("REPLICA", "STATUS"): "REPLICA STATUS",
    ("SLAVE", "HOSTS"): "SLAVE HOSTS",
    ("REPLICAS",): "SLAVE HOSTS",
    ("PROFILES",): "PROFILES",
    ("VOLUME", "STATUS"): "VOLUME STATUS",
}
_LISTS: Final = frozenset(["TABLES", "TABLE STATUS", "TRIGGERS", "EVENTS", "OPEN TABLES"])


class ShowParser(SessionParser):
    """Adds statements that describe."""

    def show(self) -> admin.Show:
        self.expect("SHOW")
        node = admin.Show("")
        extended = self.take("EXTENDED")
        node.full = self.take("FULL")
        if extended and self.at_any("TABLES"):
            raise not_supported("SHOW EXTENDED")
        scope = self.take_any("GLOBAL", "SESSION", "LOCAL")
        if scope is not None:
            node.scope = "global" if scope == "GLOBAL" else "session"
        for words, what in _PLAIN.items():
            if self.take(*words):
                node.what = what
                self._filter(node)
                return node
        word = self.token.upper
        if word in ("VARIABLES", "STATUS"):
            self.advance()
            node.what = word
            self._filter(node)
            return node
        rule = {
            "CREATE": self._show_create, "COLUMNS": self._columns, "FIELDS": self._columns,
            "INDEX": self._index, "INDEXES": self._index, "KEYS": self._index,
            "WARNINGS": self._diagnostics, "ERRORS": self._diagnostics, "COUNT": self._count,
            "GRANTS": self._grants, "ENGINE": self._engine, "FUNCTION": self._routines,
            "PROCEDURE": self._routines, "BINARY": self._binary_logs, "MASTER": self._binary_logs,
        }.get(word)  # fmt: skip
        if rule is not None:
            rule(node)
            return node
        for what in _LISTS:
            if self.take(*what.split()):
                node.what = what
                self._from_schema(node)
                self._filter(node)
                return node
        raise self.fail()

    def _filter(self, node: admin.Show) -> None:
        if self.take("LIKE"):
            node.like = self.string()
        elif self.take("WHERE"):
            start = self.token.start
            node.where = self.expression()
            node.where_text = self.text_since(start)

    def _from_schema(self, node: admin.Show) -> None:
        if self.take_any("FROM", "IN"):
            node.schema = self.identifier()

    def _from_table(self, node: admin.Show) -> None:
        if not self.take_any("FROM", "IN"):
            raise self.fail()
        node.schema, node.table = self.qualified_name()
        if self.take_any("FROM", "IN"):
            node.schema = self.identifier()

    def _columns(self, node: admin.Show) -> None:
        self.advance()
        node.what = "COLUMNS"
        self._from_table(node)
        self._filter(node)

    def _index(self, node: admin.Show) -> None:
        self.advance()
        node.what = "INDEX"
        self._from_table(node)
        self._filter(node)

    def _show_create(self, node: admin.Show) -> None:
        self.expect("CREATE")
        word = self.take_any("TABLE", "VIEW", "DATABASE", "SCHEMA", "USER", "TRIGGER", "PROCEDURE",
                             "FUNCTION", "EVENT")  # fmt: skip
        if word is None:
            raise self.fail()
        if word in ("DATABASE", "SCHEMA"):
            node.what = "CREATE DATABASE"
            node.if_not_exists = self.take("IF", "NOT", "EXISTS")
            node.schema = self.identifier()
        elif word == "USER":
            node.what = "CREATE USER"
            node.user = self.account_name()
        else:
            node.what = f"CREATE {word}"
            node.schema, node.table = self.qualified_name()

    def _diagnostics(self, node: admin.Show) -> None:
        node.what = self.advance().upper
        start = self.token.start
        limit = self.limit_clause()
        if limit is not None:
            node.limit_text = self.text_since(start)

    def _count(self, node: admin.Show) -> None:
        self.expect("COUNT", "(", "*", ")")
        word = self.take_any("WARNINGS", "ERRORS")
        if word is None:
            raise self.fail()
        node.what = f"COUNT {word}"

    def _grants(self, node: admin.Show) -> None:
        self.advance()
        node.what = "GRANTS"
        if self.take("FOR"):
            node.user = self.account_name()
            if self.at("USING"):
                raise not_supported("roles")

    def _engine(self, node: admin.Show) -> None:
        self.advance()
        node.table = self.name_or_string()
        word = self.take_any("STATUS", "MUTEX", "LOGS")
        if word is None:
            raise self.fail()
        node.what = f"ENGINE {word}"

    def _routines(self, node: admin.Show) -> None:
        kind = self.advance().upper
        if not self.take("STATUS"):
            raise not_supported(f"SHOW {kind} CODE")
        node.what = f"{kind} STATUS"
        self._filter(node)

    def _binary_logs(self, node: admin.Show) -> None:
        self.advance()
        if not self.take("LOGS"):
            raise self.fail()
        node.what = "BINARY LOGS"

    # DESCRIBE / EXPLAIN

    def describe(self) -> admin.Describe | admin.Explain:
        self.advance()  # DESCRIBE, DESC or EXPLAIN
        output = "TRADITIONAL"
        if self.take("FORMAT"):
            self.expect("=")
            output = self.name_or_string().upper()
        elif self.at("ANALYZE"):
            raise not_supported("EXPLAIN ANALYZE")
        elif self.at_any("EXTENDED", "PARTITIONS"):
            self.advance()
        if self.at("FOR", "CONNECTION"):
            raise not_supported("EXPLAIN FOR CONNECTION")
        statement = self.explainable()
        if statement is not None:
            return admin.Explain(statement, output)
        table = self.table_name()
        like = None
        if not self.at_end():
            like = self.string() if self.token.kind == STRING else self.identifier()
        return admin.Describe(table, like)

    def explainable(self) -> ast.Query | ast.Insert | ast.Update | ast.Delete | None:
        upper = self.token.upper
        if upper in ("SELECT", "WITH", "VALUES", "TABLE", "("):
            return self.query()
        if upper in ("INSERT", "REPLACE"):
            return self.insert()
        if upper == "UPDATE":
            return self.update()
        if upper == "DELETE":
            return self.delete()
        return None
