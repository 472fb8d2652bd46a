"""Function calls with their special syntaxes, and the words that begin an expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.errors import not_supported
from engine.sql.parse import ast
from engine.sql.parse.cursor import Cursor
from engine.sql.parse.keywords import INTERVAL_UNITS
from engine.sql.parse.type_names import parse_cast_type


class CallParser(Cursor):
    """The lower half of the expression grammar; the upper half is `ExpressionParser`."""

    def expression(self) -> ast.Expr:
        raise NotImplementedError

    def expression_list(self) -> list[ast.Expr]:
        raise NotImplementedError

    def order_list(self) -> list[ast.OrderItem]:
        raise NotImplementedError

    def query_in_parentheses(self) -> ast.Query:
        raise NotImplementedError

    def _simple(self) -> ast.Expr:
        raise NotImplementedError

    def _bit_expression(self, weakest: int) -> ast.Expr:
        raise NotImplementedError

    def _call(self, name: str) -> ast.Expr:
        special = _CALL_RULES.get(name)
        if special is not None:
            return special(self)
        self.expect("(")
        distinct = self.take("DISTINCT")
        if not distinct:
            self.take("ALL")
        if self.take("*"):
            args: list[ast.Expr] = [ast.Star()]
        else:
            args = [] if self.token.upper == ")" else self.expression_list()
        self.expect(")")
        call = ast.Func(name, args, distinct)
        return self._windowed(call)

    def _windowed(self, call: ast.Func) -> ast.Func:
        if self.at("RESPECT", "NULLS"):
            self.seek(self.position + 2)
        if not self.take("OVER"):
            return call
        if self.token.upper == "(":
            call.window = self.window_in_parentheses()
        else:
            call.window = ast.Window(name=self.identifier())
        return call

    def window_in_parentheses(self) -> ast.Window:
        self.expect("(")
        window = ast.Window()
        if self.at_identifier() and not self.at_any("PARTITION", "ROWS", "RANGE", "GROUPS"):
            window.name = self.identifier()
        if self.take("PARTITION", "BY"):
            window.partition = self.expression_list()
        if self.take("ORDER", "BY"):
            window.order = self.order_list()
        start = self.token.start
        if self.take_any("ROWS", "RANGE"):
            while self.token.upper != ")":
                if self.at_end():
                    raise self.fail()
                self.advance()
            window.frame = self.text_since(start)
        self.expect(")")
        return window

    def _case(self) -> ast.Expr:
        self.advance()
        operand = None if self.token.upper == "WHEN" else self.expression()
        whens = []
        while self.take("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            whens.append((condition, self.expression()))
        if not whens:
            raise self.fail()
        default = self.expression() if self.take("ELSE") else None
        self.expect("END")
        return ast.Case(operand, whens, default)

    def _exists(self) -> ast.Expr | None:
        if self.peek().upper != "(":
            return None
        self.advance()
        return ast.Exists(self.query_in_parentheses())

    def _binary(self) -> ast.Expr:
        self.advance()
        return ast.Cast(self._simple(), ast.TypeName("binary"))

    def _row(self) -> ast.Expr | None:
        if self.peek().upper != "(":
            return None
        self.advance()
        self.expect("(")
        items = self.expression_list()
        self.expect(")")
        return ast.Row(items)

    def _default(self) -> ast.Expr:
        self.advance()
        if not self.take("("):
            return ast.DefaultOf()
        column = self.identifier()
        self.expect(")")
        return ast.DefaultOf(column)

    def _not_simple(self) -> ast.Expr | None:
        """NOT inside a tighter context: HIGH_NOT_PRECEDENCE is off, so it is a syntax error."""
        raise self.fail()

    def _cast_call(self) -> ast.Expr:
        self.expect("(")
        operand = self.expression()
        self.expect("AS")
        type_name = parse_cast_type(self)
        self.expect(")")
        return ast.Cast(operand, type_name)

    def _convert_call(self) -> ast.Expr:
        self.expect("(")
        operand = self.expression()
        if self.take("USING"):
            charset = self.name_or_string().lower()
            self.expect(")")
            if charset == "binary":
                return ast.Cast(operand, ast.TypeName("binary"))
            return ast.Cast(operand, ast.TypeName("char", charset=charset))
        self.expect(",")
        type_name = parse_cast_type(self)
        self.expect(")")
        return ast.Cast(operand, type_name)

    def _extract_call(self) -> ast.Expr:
        self.expect("(")
        unit = self._unit()
        self.expect("FROM")
        operand = self.expression()
        self.expect(")")
        return ast.Func("EXTRACT", [ast.Literal(unit, "string"), operand])

    def _unit(self) -> str:
        unit = self.any_word().upper().removeprefix("SQL_TSI_")
        if unit not in INTERVAL_UNITS:
            raise self.fail(self.tokens[self.position - 1])
        return unit

    def _unit_first_call(self, name: str) -> ast.Expr:
        self.expect("(")
        unit = self._unit()
        self.expect(",")
        args = self.expression_list()
        self.expect(")")
        return ast.Func(name, [ast.Literal(unit, "string"), *args])

    def _get_format_call(self) -> ast.Expr:
        self.expect("(")
        kind = self.take_any("DATE", "TIME", "DATETIME", "TIMESTAMP")
        if kind is None:
            raise self.fail()
        self.expect(",")
        style = self.expression()
        self.expect(")")
        kind = "DATETIME" if kind == "TIMESTAMP" else kind
        return ast.Func("GET_FORMAT", [ast.Literal(kind, "string"), style])

    def _trim_call(self) -> ast.Expr:
        self.expect("(")
        side = self.take_any("BOTH", "LEADING", "TRAILING") or ""
        removed: ast.Expr = ast.Literal(" ", "string")
        if side and self.take("FROM"):
            operand = self.expression()
        else:
            operand = self.expression()
            if self.take("FROM"):
                removed, operand = operand, self.expression()
        self.expect(")")
        name = {"LEADING": "TRIM_LEADING", "TRAILING": "TRIM_TRAILING"}.get(side, "TRIM_BOTH")
        return ast.Func(name, [operand, removed])

    def _substring_call(self) -> ast.Expr:
        self.expect("(")
        args = [self.expression()]
        if self.take("FROM"):
            args.append(self.expression())
            if self.take("FOR"):
                args.append(self.expression())
        else:
            while self.take(","):
                args.append(self.expression())
        self.expect(")")
        return ast.Func("SUBSTRING", args)

    def _position_call(self) -> ast.Expr:
        self.expect("(")
        needle = self._bit_expression(1)
        self.expect("IN")
        haystack = self.expression()
        self.expect(")")
        return ast.Func("LOCATE", [needle, haystack])

    def _char_call(self) -> ast.Expr:
        self.expect("(")
        args = self.expression_list()
        charset = self.name_or_string().lower() if self.take("USING") else None
        self.expect(")")
        call = ast.Func("CHAR", args)
        if charset is None or charset == "binary":
            return call
        return ast.Cast(call, ast.TypeName("char", charset=charset))

    def _group_concat_call(self) -> ast.Expr:
        self.expect("(")
        distinct = self.take("DISTINCT")
        args = self.expression_list()
        order = self.order_list() if self.take("ORDER", "BY") else []
        separator = self.string() if self.take("SEPARATOR") else ","
        self.expect(")")
        return self._windowed(ast.Func("GROUP_CONCAT", args, distinct, order, separator))

    def _values_call(self) -> ast.Expr:
        self.expect("(")
        column = self.identifier()
        while self.take("."):
            column = self.any_word()
        self.expect(")")
        return ast.ValuesOf(column)

    def _match_call(self) -> ast.Expr:
        raise not_supported("FULLTEXT search (MATCH ... AGAINST)")


def _constant(value: bool | None) -> Callable[[CallParser], ast.Expr]:
    def rule(parser: CallParser) -> ast.Expr:
        parser.advance()
        return ast.Literal(value, "null" if value is None else "bool")

    return rule


WORD_RULES: Final[dict[str, Callable[[CallParser], ast.Expr | None]]] = {
    "NULL": _constant(None),
    "TRUE": _constant(True),
    "FALSE": _constant(False),
    "CASE": CallParser._case,
    "EXISTS": CallParser._exists,
    "BINARY": CallParser._binary,
    "ROW": CallParser._row,
    "DEFAULT": CallParser._default,
    "NOT": CallParser._not_simple,
}

_CALL_RULES: Final[dict[str, Callable[[CallParser], ast.Expr]]] = {
    "CAST": CallParser._cast_call,
    "CONVERT": CallParser._convert_call,
    "EXTRACT": CallParser._extract_call,
    "TIMESTAMPDIFF": lambda parser: parser._unit_first_call("TIMESTAMPDIFF"),
    "TIMESTAMPADD": lambda parser: parser._unit_first_call("TIMESTAMPADD"),
    "GET_FORMAT": CallParser._get_format_call,
    "TRIM": CallParser._trim_call,
    "SUBSTRING": CallParser._substring_call,
    "SUBSTR": CallParser._substring_call,
    "MID": CallParser._substring_call,
    "POSITION": CallParser._position_call,
    "CHAR": CallParser._char_call,
    "GROUP_CONCAT": CallParser._group_concat_call,
    "VALUES": CallParser._values_call,
    "MATCH": CallParser._match_call,
}
