"""SELECT, VALUES, TABLE, set operations and WITH."""

from __future__ import annotations

from engine.errors import error, not_supported
from engine.sql.parse import ast
from engine.sql.parse.expressions import ExpressionParser
from engine.sql.parse.keywords import words
from engine.sql.parse.lexer import QUOTED, STRING, WORD, LexerModes

_OPTIONS = words(
    """
    DISTINCT DISTINCTROW ALL HIGH_PRIORITY STRAIGHT_JOIN SQL_SMALL_RESULT SQL_BIG_RESULT
    SQL_BUFFER_RESULT SQL_NO_CACHE SQL_CACHE SQL_CALC_FOUND_ROWS
    """
)


class QueryParser(ExpressionParser):
    """Adds queries to the expression grammar."""

    def __init__(self, sql: str, modes: LexerModes, *, pipes_as_concat: bool = False) -> None:
        super().__init__(sql, modes, pipes_as_concat=pipes_as_concat)
        self._closed: list[ast.Query] = []

    def query(self) -> ast.Query:
        """A query with everything that may follow it, outermost."""
        if self.token.upper == "WITH":
            return self._with()
        return self._set_operations()

    def query_in_parentheses(self) -> ast.Query:
        self.expect("(")
        query = self.query()
        self.expect(")")
        return query

    def _parenthesised_operand(self) -> ast.Query:
        """An operand in parentheses keeps its own ORDER BY and LIMIT."""
        query = self.query_in_parentheses()
        self._closed.append(query)
        return query

    def _with(self) -> ast.With:
        self.expect("WITH")
        recursive = self.take("RECURSIVE")
        tables = [self._common_table()]
        while self.take(","):
            tables.append(self._common_table())
        return ast.With(recursive, tables, self._set_operations())

    def _common_table(self) -> ast.CommonTable:
        name = self.identifier()
        columns: tuple[str, ...] = ()
        if self.take("("):
            columns = self._names()
        self.expect("AS")
        return ast.CommonTable(name, columns, self.query_in_parentheses())

    def _names(self) -> tuple[str, ...]:
        names = [self.identifier()]
        while self.take(","):
            names.append(self.identifier())
        self.expect(")")
        return tuple(names)

    # set operations

    def _set_operations(self) -> ast.Query:
        left = self._intersections()
        combined = False
        while (op := self.take_any("UNION", "EXCEPT")) is not None:
            everything = self._everything()
            left = ast.SetOperation(op, everything, left, self._intersections())
            combined = True
        if combined:
            self._trailing(left)
        elif self.at_any("ORDER", "LIMIT"):  # (SELECT ...) ORDER BY ... LIMIT ...
            self._trailing_again(left)
        return left

    def _trailing_again(self, inner: ast.Query) -> None:
        if isinstance(inner, ast.With) or inner.order or inner.limit is not None:
            raise not_supported("a parenthesised query with two ORDER BY or LIMIT clauses")
        self._order_and_limit(inner)

    def _everything(self) -> bool:
        word = self.take_any("ALL", "DISTINCT")
        return word == "ALL"

    def _intersections(self) -> ast.Query:
        left = self._operand()
        while self.take("INTERSECT"):
            everything = self._everything()
            left = ast.SetOperation("INTERSECT", everything, left, self._operand())
        return left

    def _operand(self) -> ast.Query:
        if self.token.upper == "(":
            return self._parenthesised_operand()
        if self.token.upper == "VALUES":
            return self._values()
        if self.take("TABLE"):
            schema, name = self.qualified_name()
            table = ast.TableRef(name, schema, None)
            query = ast.Select([ast.SelectItem(ast.Star(), None, "*")], table)
            self._order_and_limit(query)
            return query
        return self._select()

    def _trailing(self, query: ast.Query) -> None:
        if isinstance(query, ast.SetOperation):
            self._lift(query)
            self._order_and_limit(query)

    def _lift(self, operation: ast.SetOperation) -> None:
        """SELECT 1 UNION SELECT 2 ORDER BY 1: the clause was read with the last SELECT."""
        last = operation.right
        first = operation.left
        if (
            isinstance(first, ast.Select)
            and (first.order or first.limit)
            and (not self._was_parenthesised(first))
        ):
            raise error(1221, "UNION", "ORDER BY" if first.order else "LIMIT")
        if isinstance(last, ast.Select | ast.Values) and not self._was_parenthesised(last):
            operation.order, last.order = last.order, []
            operation.limit, last.limit = last.limit, None

    def _was_parenthesised(self, query: ast.Query) -> bool:
        return any(query is closed for closed in self._closed)

    def _values(self) -> ast.Values:
        self.expect("VALUES")
        rows = [self._values_row()]
        while self.take(","):
            rows.append(self._values_row())
        values = ast.Values(rows)
        self._order_and_limit(values)
        return values

    def _values_row(self) -> list[ast.Expr]:
        self.expect("ROW", "(")
        items = self.expression_list()
        self.expect(")")
        return items

    # SELECT

    def _select(self) -> ast.Select:
        self.expect("SELECT")
        options = set()
        while self.token.kind == WORD and self.token.upper in _OPTIONS:
            options.add(self.advance().upper)
        select = ast.Select([])
        select.distinct = bool(options & {"DISTINCT", "DISTINCTROW"})
        select.calc_found_rows = "SQL_CALC_FOUND_ROWS" in options
        select.items = self._items()
        self._into()
        if self.take("FROM"):
            select.source = None if self.take("DUAL") else self.table_references()
        if self.take("WHERE"):
            select.where = self.expression()
        if self.take("GROUP", "BY"):
            select.group = self._group()
        if self.take("HAVING"):
            select.having = self.expression()
        if self.take("WINDOW"):
            self._windows(select)
        self._order_and_limit(select)
        self._into()
        self._locking(select)
        return select

    def _into(self) -> None:
        if self.token.upper == "INTO":
            raise not_supported("SELECT ... INTO")

    def _items(self) -> list[ast.SelectItem]:
        items = [self._item()]
        while self.take(","):
            items.append(self._item())
        return items

    def _item(self) -> ast.SelectItem:
        if self.take("*"):
            return ast.SelectItem(ast.Star(), None, "*")
        start = self.token.start
        token = self.token
        value = self.expression()
        text = self.text_since(start)
        if isinstance(value, ast.Literal) and value.kind == "string":
            text = token.text if token.kind == STRING else str(value.value)
        if isinstance(value, ast.ColumnRef):
            text = value.name
        return ast.SelectItem(value, self._alias(strings=True), text)

    def _alias(self, *, strings: bool = False) -> str | None:
        if self.take("AS"):
            if strings and self.token.kind == STRING:
                return self.advance().text
            return self.identifier()
        if strings and self.token.kind == STRING:
            return self.advance().text
        if self.token.kind == QUOTED or (self.token.kind == WORD and self.at_identifier()):
            return self.identifier()
        return None

    def _group(self) -> list[ast.Expr]:
        items = [item.value for item in self.order_list()]
        if self.take("WITH", "ROLLUP"):
            raise not_supported("GROUP BY ... WITH ROLLUP")
        return items

    def _windows(self, select: ast.Select) -> None:
        while True:
            name = self.identifier()
            self.expect("AS")
            select.windows[name.lower()] = self.window_in_parentheses()
            if not self.take(","):
                return

    def _order_and_limit(self, query: ast.Select | ast.Values | ast.SetOperation) -> None:
        if self.take("ORDER", "BY"):
            query.order = self.order_list()
        limit = self.limit_clause()
        if limit is not None:
            query.limit = limit

    def limit_clause(self) -> ast.Limit | None:
        if not self.take("LIMIT"):
            return None
        first = self._limit_value()
        if self.take(","):
            return ast.Limit(self._limit_value(), first)
        if self.take("OFFSET"):
            return ast.Limit(first, self._limit_value())
        return ast.Limit(first)

    def _limit_value(self) -> ast.Expr:
        token = self.token
        value = self._primary()
        if isinstance(value, ast.Param) or (isinstance(value, ast.Literal) and value.kind == "int"):
            return value
        raise self.fail(token)

    def _locking(self, select: ast.Select) -> None:
        while self.at_any("FOR", "LOCK"):
            if self.take("LOCK"):
                self.expect("IN", "SHARE", "MODE")
                select.locking = ast.Locking(exclusive=False)
                continue
            self.expect("FOR")
            locking = ast.Locking(exclusive=self.take("UPDATE"))
            if not locking.exclusive:
                self.expect("SHARE")
            if self.take("OF"):
                self.identifier()
                while self.take(","):
                    self.identifier()
            locking.nowait = self.take("NOWAIT")
            locking.skip_locked = not locking.nowait and self.take("SKIP", "LOCKED")
            select.locking = locking

    # FROM

    def table_references(self) -> ast.Source:
        source = self._joined_table()
        while self.take(","):
            source = ast.Join("CROSS", source, self._joined_table())
        return source

    def _joined_table(self) -> ast.Source:
        left = self._table_factor()
        while True:
            natural = self.take("NATURAL")
            kind = self._join_kind()
            if kind is None:
                if natural:
                    raise self.fail()
                return left
            left = self._join(kind, natural, left)

    def _join(self, kind: str, natural: bool, left: ast.Source) -> ast.Join:
        join = ast.Join(kind, left, self._table_factor(), natural=natural)
        # a JOIN b JOIN c ON .. ON ..: the condition follows the nested join
        while not self.at_any("ON", "USING") and (nested := self._nested_kind()) is not None:
            join.right = self._join(nested, False, join.right)
        if natural:
            return join
        if self.take("ON"):
            join.on = self.expression()
        elif self.take("USING"):
            self.expect("(")
            join.using = self._names()
        elif kind in ("LEFT", "RIGHT"):
            raise self.fail()
        return join

    def _nested_kind(self) -> str | None:
        """Only when the conditions of both joins still follow; found by counting ahead."""
        depth = joins = conditions = 0
        for ahead in range(len(self.tokens) - self.position):
            token = self.peek(ahead)
            if token.upper == "(":
                depth += 1
            elif token.upper == ")":
                depth -= 1
            if depth < 0 or token.upper in ("WHERE", "GROUP", "ORDER", ";", ",", "SET"):
                break
            if depth == 0 and token.upper in ("JOIN", "STRAIGHT_JOIN"):
                if conditions:
                    break
                joins += 1
            elif depth == 0 and token.upper in ("ON", "USING"):
                conditions += 1
        return self._join_kind() if joins and conditions > joins else None

    def _join_kind(self) -> str | None:
        if self.take("JOIN") or self.take("INNER", "JOIN"):
            return "INNER"
        if self.take("CROSS", "JOIN"):
            return "CROSS"
        if self.take("STRAIGHT_JOIN"):
            return "STRAIGHT"
        for side in ("LEFT", "RIGHT"):
            if self.take(side, "JOIN") or self.take(side, "OUTER", "JOIN"):
                return side
        return None

    def _table_factor(self) -> ast.Source:
        if self.take("LATERAL"):
            return self._derived(lateral=True)
        if self.token.upper == "(":
            if self._at_subquery():
                return self._derived(lateral=False)
            self.expect("(")
            source = self.table_references()
            self.expect(")")
            return source
        if self.at("JSON_TABLE"):
            raise not_supported("JSON_TABLE")
        return self.table_reference()

    def _derived(self, *, lateral: bool) -> ast.DerivedTable:
        query = self.query_in_parentheses()
        alias = self._alias()
        if alias is None:
            raise error(1248)
        columns: tuple[str, ...] = ()
        if self.take("("):
            columns = self._names()
        return ast.DerivedTable(query, alias, columns, lateral)

    def table_reference(self) -> ast.TableRef:
        schema, name = self.qualified_name()
        if self.at("PARTITION", "("):
            raise not_supported("partition selection")
        alias = self._alias()
        self._index_hints()
        return ast.TableRef(name, schema, alias)

    def _index_hints(self) -> None:
        """USE | FORCE | IGNORE INDEX (...): advice, read and not followed."""
        while self.at_any("USE", "FORCE", "IGNORE") and self.peek().upper in ("INDEX", "KEY"):
            self.seek(self.position + 2)
            if self.take("FOR") and not (self.take("JOIN") or self.take("ORDER", "BY")):
                self.expect("GROUP", "BY")
            self.expect("(")
            while not self.take(")"):
                if self.at_end():
                    raise self.fail()
                self.advance()
            self.take(",")
