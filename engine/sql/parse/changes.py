"""INSERT, REPLACE, UPDATE and DELETE."""

from __future__ import annotations

from engine.errors import error, not_supported
from engine.sql.parse import ast
from engine.sql.parse.queries import QueryParser


class ChangeParser(QueryParser):
    """Adds data changes to queries."""

    def insert(self) -> ast.Insert:
        replace = self.take("REPLACE")
        if not replace:
            self.expect("INSERT")
        self.take_any("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY")
        ignore = self.take("IGNORE")
        if ignore and replace:
            raise self.fail()
        self.take("INTO")
        schema, name = self.qualified_name()
        if self.at("PARTITION"):
            raise not_supported("INSERT ... PARTITION")
        insert = ast.Insert(ast.TableRef(name, schema, None), None, None, None, replace, ignore)
        if self.take("SET"):
            assignments = self._assignments()
            insert.columns = [column.name for column, _ in assignments]
            insert.rows = [[value for _, value in assignments]]
        else:
            self._insert_source(insert)
        self._row_alias(insert)
        if self.at("ON", "DUPLICATE", "KEY", "UPDATE"):
            if replace:
                raise self.fail()
            self.seek(self.position + 4)
            insert.updates = self._assignments()
        return insert

    def _insert_source(self, insert: ast.Insert) -> None:
        if self.token.upper == "(" and not self._at_subquery():
            self.expect("(")
            insert.columns = [] if self.token.upper == ")" else self._column_names()
            self.expect(")")
        if self.take_any("VALUES", "VALUE"):
            insert.rows = [self._row_values()]
            while self.take(","):
                insert.rows.append(self._row_values())
        elif self.at_any("SELECT", "WITH", "TABLE", "("):
            insert.query = self.query()
        else:
            raise self.fail()

    def _column_names(self) -> list[str]:
        names = []
        while True:
            name = self.identifier()
            while self.take("."):
                name = self.any_word()
            names.append(name)
            if not self.take(","):
                return names

    def _row_values(self) -> list[ast.Expr]:
        self.take("ROW")
        self.expect("(")
        values = [] if self.token.upper == ")" else self.expression_list()
        self.expect(")")
        return values

    def _row_alias(self, insert: ast.Insert) -> None:
        if insert.rows is None or not self.take("AS"):
            return
        insert.row_alias = self.identifier()
        if self.take("("):
            names = [self.identifier()]
            while self.take(","):
                names.append(self.identifier())
            self.expect(")")
            insert.column_aliases = tuple(names)

    def _assignments(self) -> list[tuple[ast.ColumnRef, ast.Expr]]:
        assignments = []
        while True:
            column = self._column_reference()
            if not self.take(":="):
                self.expect("=")
            assignments.append((column, self.expression()))
            if not self.take(","):
                return assignments

    def _column_reference(self) -> ast.ColumnRef:
        parts = [self.identifier()]
        while self.take("."):
            parts.append(self.any_word())
        if len(parts) > 3:
            raise self.fail()
        return ast.ColumnRef(*reversed(parts))

    def update(self) -> ast.Update:
        self.expect("UPDATE")
        self.take("LOW_PRIORITY")
        ignore = self.take("IGNORE")
        source = self.table_references()
        self.expect("SET")
        update = ast.Update(source, self._assignments(), ignore=ignore)
        update.where = self.expression() if self.take("WHERE") else None
        if self.take("ORDER", "BY"):
            update.order = self.order_list()
        update.limit = self._row_limit()
        if isinstance(source, ast.Join) and (update.order or update.limit):
            raise error(1221, "UPDATE", "ORDER BY" if update.order else "LIMIT")
        return update

    def delete(self) -> ast.Delete:
        self.expect("DELETE")
        while self.take_any("LOW_PRIORITY", "QUICK"):
            pass
        ignore = self.take("IGNORE")
        if not self.take("FROM"):
            return self._delete_targets_first(ignore)
        start = self.position
        targets = self._targets()
        if self.take("USING"):
            delete = ast.Delete(targets, self.table_references(), ignore=ignore)
            delete.where = self.expression() if self.take("WHERE") else None
            return delete
        self.seek(start)
        delete = ast.Delete([], self.table_reference(), ignore=ignore)
        delete.where = self.expression() if self.take("WHERE") else None
        if self.take("ORDER", "BY"):
            delete.order = self.order_list()
        delete.limit = self._row_limit()
        return delete

    def _delete_targets_first(self, ignore: bool) -> ast.Delete:
        targets = self._targets()
        self.expect("FROM")
        delete = ast.Delete(targets, self.table_references(), ignore=ignore)
        delete.where = self.expression() if self.take("WHERE") else None
        return delete

    def _targets(self) -> list[ast.TableRef]:
        targets = []
        while True:
            schema, name = self.qualified_name()
            self.take(".", "*")
            targets.append(ast.TableRef(name, schema, None))
            if not self.take(","):
                return targets

    def _row_limit(self) -> ast.Limit | None:
        limit = self.limit_clause()
        if limit is not None and limit.offset is not None:
            raise self.fail(self.tokens[self.position - 1])
        return limit
