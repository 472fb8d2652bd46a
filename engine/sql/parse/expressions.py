"""Expressions, by the productions of MySQL's own grammar (expr, bool_pri, predicate, bit_expr,
simple_expr in the manual's "Expression Syntax"), so that precedence is MySQL's.
"""

from __future__ import annotations

from typing import Final

from engine.errors import not_supported
from engine.sql.parse import ast
from engine.sql.parse.calls import WORD_RULES, CallParser
from engine.sql.parse.keywords import (
    BARE_FUNCTIONS,
    CALLABLE_RESERVED,
    INTERVAL_UNITS,
    RESERVED,
)
from engine.sql.parse.lexer import (
    BYTES,
    DECIMAL,
    FLOAT,
    INTEGER,
    OPERATOR,
    PARAM,
    QUOTED,
    STRING,
    WORD,
    Token,
    bit_value,
    hex_value,
)

_COMPARISONS: Final = frozenset(["=", "<=>", ">=", ">", "<=", "<", "<>", "!="])
# Binding power of bit_expr's binary operators, weakest first.
_BIT_OPERATORS: Final[dict[str, int]] = {
    "|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4,
    "*": 5, "/": 5, "%": 5, "DIV": 5, "MOD": 5, "^": 6,
}  # fmt: skip
_TYPED_LITERALS: Final = frozenset(["DATE", "TIME", "TIMESTAMP"])


class ExpressionParser(CallParser):
    """Cursor plus the expression grammar; queries are supplied by the subclass."""

    def at_query(self) -> bool:
        """Whether a query starts here, possibly after opening parentheses."""
        ahead = 0
        while self.peek(ahead).upper == "(":
            ahead += 1
        token = self.peek(ahead)
        return token.kind == WORD and token.upper in ("SELECT", "WITH", "VALUES", "TABLE")

    # expr

    def expression(self) -> ast.Expr:
        left = self._xor()
        while True:
            upper = self.token.upper
            if upper == "OR" or (upper == "||" and not self.pipes_as_concat):
                self.advance()
                left = ast.Binary("OR", left, self._xor())
            else:
                return left

    def _xor(self) -> ast.Expr:
        left = self._and()
        while self.token.upper == "XOR":
            self.advance()
            left = ast.Binary("XOR", left, self._and())
        return left

    def _and(self) -> ast.Expr:
        left = self._not()
        while self.token.upper in ("AND", "&&"):
            self.advance()
            left = ast.Binary("AND", left, self._not())
        return left

    def _not(self) -> ast.Expr:
        if self.token.upper == "NOT":
            self.advance()
            return ast.Unary("NOT", self._not())
        left = self._boolean_primary()
        while self.token.upper == "IS" and self._is_truth_test():
            self.advance()
            negated = self.take("NOT")
            left = ast.Is(left, self.advance().upper, negated)
        return left

    def _is_truth_test(self) -> bool:
        ahead = 2 if self.peek().upper == "NOT" else 1
        return self.peek(ahead).upper in ("TRUE", "FALSE", "UNKNOWN")

    def _boolean_primary(self) -> ast.Expr:
        left = self._predicate()
        while True:
            upper = self.token.upper
            if upper in _COMPARISONS:
                self.advance()
                left = self._comparison("<>" if upper == "!=" else upper, left)
            elif upper == "IS" and not self._is_truth_test():
                self.advance()
                negated = self.take("NOT")
                self.expect("NULL")
                left = ast.Is(left, "NULL", negated)
            else:
                return left

    def _comparison(self, op: str, left: ast.Expr) -> ast.Expr:
        word = self.take_any("ALL", "ANY", "SOME")
        if word is None:
            return ast.Binary(op, left, self._predicate())
        return ast.Quantified(op, left, word == "ALL", self.query_in_parentheses())

    def _predicate(self) -> ast.Expr:
        left = self._bit_expression(1)
        upper = self.token.upper
        negated = False
        if upper == "NOT" and self.peek().upper in ("IN", "BETWEEN", "LIKE", "REGEXP", "RLIKE"):
            self.advance()
            negated = True
            upper = self.token.upper
        if upper == "IN":
            return self._in(left, negated)
        if upper == "BETWEEN":
            self.advance()
            low = self._bit_expression(1)
            self.expect("AND")
            return ast.Between(left, low, self._predicate(), negated)
        if upper == "LIKE":
            self.advance()
            pattern = self._simple()
            escape = self._simple() if self.take("ESCAPE") else None
            return ast.Like(left, pattern, escape, negated)
        if upper in ("REGEXP", "RLIKE"):
            self.advance()
            match: ast.Expr = ast.Func("REGEXP_LIKE", [left, self._bit_expression(1)])
            return ast.Unary("NOT", match) if negated else match
        if upper == "SOUNDS":
            self.advance()
            self.expect("LIKE")
            right = self._bit_expression(1)
            return ast.Binary("=", ast.Func("SOUNDEX", [left]), ast.Func("SOUNDEX", [right]))
        if upper == "MEMBER":
            self.advance()
            self.take("OF")
            self.expect("(")
            right = self.expression()
            self.expect(")")
            return ast.Func("JSON_MEMBER_OF", [left, right])
        return left

    def _in(self, left: ast.Expr, negated: bool) -> ast.Expr:
        self.expect("IN")
        if self.token.upper != "(":
            raise self.fail()
        if self.peek().upper in ("SELECT", "WITH", "VALUES", "TABLE", "(") and self._at_subquery():
            return ast.In(left, self.query_in_parentheses(), negated)
        self.expect("(")
        items = self.expression_list()
        self.expect(")")
        return ast.In(left, items, negated)

    def _at_subquery(self) -> bool:
        """At "(": whether it encloses a query. VALUES( is the ON DUPLICATE KEY function."""
        if not self.at_query():
            return False
        ahead = 0
        while self.peek(ahead).upper == "(":
            ahead += 1
        if self.peek(ahead).upper == "VALUES":
            return self.peek(ahead + 1).upper == "ROW"
        if ahead == 1:
            return True
        # Nested parentheses: a query only if the inner one ends where ours does or a set
        # operation follows it; try it and look.
        start = self.position
        params = self.params
        try:
            self.query_in_parentheses()
        except Exception as error:  # the alternative reading gets its own error
            if not hasattr(error, "errno"):
                raise
            return False
        finally:
            self.seek(start)
            self.params = params
        return True

    # bit_expr

    def _bit_expression(self, weakest: int) -> ast.Expr:
        left = self._interval_or_simple()
        while True:
            token = self.token
            power = _BIT_OPERATORS.get(token.upper)
            if power is None or power < weakest or token.kind not in (WORD, OPERATOR):
                return left
            self.advance()
            right = self._bit_expression(power + 1)
            left = ast.Binary("%" if token.upper == "MOD" else token.upper, left, right)

    def _interval_or_simple(self) -> ast.Expr:
        if self.token.upper == "INTERVAL":
            interval = self._interval()
            if interval is not None:
                return interval
        return self._simple()

    def _interval(self) -> ast.Interval | None:
        """INTERVAL expr unit; None when it is the function INTERVAL(n, ...)."""
        start, params = self.position, self.params
        self.advance()
        value = self.expression()
        if self.token.upper in INTERVAL_UNITS:
            return ast.Interval(value, self.advance().upper)
        self.seek(start)
        self.params = params
        if self.peek().upper != "(":
            raise self.fail(self.peek())
        return None

    # simple_expr

    def _simple(self) -> ast.Expr:
        left = self._primary()
        while True:
            upper = self.token.upper
            if upper == "COLLATE":
                self.advance()
                left = ast.Collate(left, self.name_or_string().lower())
            elif upper == "||" and self.pipes_as_concat:
                self.advance()
                left = ast.Func("CONCAT", [left, self._primary()])
            elif upper in ("->", "->>") and isinstance(left, ast.ColumnRef):
                left = self._json_arrow(left)
            else:
                return left

    def _json_arrow(self, column: ast.Expr) -> ast.Expr:
        unquoting = self.advance().upper == "->>"
        path = self.string_literal()
        extracted: ast.Expr = ast.Func("JSON_EXTRACT", [column, path])
        return ast.Func("JSON_UNQUOTE", [extracted]) if unquoting else extracted

    def _primary(self) -> ast.Expr:
        token = self.token
        kind = token.kind
        if kind == PARAM:
            self.advance()
            self.params += 1
            return ast.Param(self.params - 1)
        if kind == INTEGER:
            self.advance()
            return ast.Literal(int(token.text), "int", token.literal)
        if kind == STRING:
            return self.string_literal()
        if kind == QUOTED:
            return self._name_or_call()
        if kind == WORD:
            return self._word(token)
        if kind == OPERATOR:
            return self._operator(token)
        if kind == DECIMAL:
            self.advance()
            return ast.Literal(token.text, "decimal", token.literal)
        if kind == FLOAT:
            self.advance()
            return ast.Literal(float(token.text), "float", token.literal)
        if kind == BYTES:
            self.advance()
            return ast.Literal(bytes_value(token), "hex")
        raise self.fail()

    def string_literal(self) -> ast.Literal:
        """'a' 'b' is one string; joined ones have no number of their own."""
        token = self.token
        text = self.string()
        joined = self.tokens[self.position - 1] is not token
        return ast.Literal(text, "string", None if joined else token.literal)

    def _operator(self, token: Token) -> ast.Expr:
        op = token.upper
        if op == "(":
            return self._parenthesised()
        if op in ("-", "+", "~", "!"):
            self.advance()
            operand = self._simple() if op != "!" else self._primary_with_collate()
            if op == "+":
                return operand
            return ast.Unary("NOT" if op == "!" else op, operand)
        if op == "@@":
            return self._system_variable()
        if op == "@":
            return self._user_variable()
        if op == "{":  # ODBC: {d '2020-01-01'}, {fn NOW()}
            self.advance()
            word = self.any_word().upper()
            value = self.expression()
            self.expect("}")
            names = {"D": "DATE", "T": "TIME", "TS": "TIMESTAMP"}
            return ast.Func(names[word], [value]) if word in names else value
        raise self.fail()

    def _primary_with_collate(self) -> ast.Expr:
        return self._simple()

    def _parenthesised(self) -> ast.Expr:
        if self._at_subquery():
            return ast.Subquery(self.query_in_parentheses())
        self.expect("(")
        first = self.expression()
        if self.take(")"):
            return first
        self.expect(",")
        items = [first, *self.expression_list()]
        self.expect(")")
        return ast.Row(items)

    def _user_variable(self) -> ast.Expr:
        name = self.user_variable_name()
        if self.take(":="):
            return ast.Assignment(name, self.expression())
        return ast.UserVariable(name)

    def user_variable_name(self) -> str:
        at = self.token
        self.expect("@")
        if self.token.kind == STRING:
            return self.advance().text.lower()
        if self.token.kind not in (WORD, QUOTED) or self.token.start != at.end:
            raise self.fail(at)
        name = self.advance().text
        while self.token.upper == "." and self.peek().kind in (WORD, INTEGER):
            self.advance()
            name += "." + self.advance().text
        return name.lower()

    def _system_variable(self) -> ast.Expr:
        scope, name = self.system_variable_name()
        return ast.SystemVariable(name, scope)

    def system_variable_name(self) -> tuple[str, str]:
        self.expect("@@")
        word = self.any_word()
        scope = word.lower()
        if scope in ("global", "session", "local", "persist", "persist_only") and self.take("."):
            name = self.any_word()
            return "session" if scope == "local" else scope, name.lower()
        return "", word.lower()

    def _word(self, token: Token) -> ast.Expr:
        upper = token.upper
        rule = WORD_RULES.get(upper)
        if rule is not None:
            found = rule(self)
            if found is not None:
                return found
        following = self.peek()
        if upper in BARE_FUNCTIONS and following.upper != "(":
            self.advance()
            return ast.Func(upper, [])
        if upper in _TYPED_LITERALS and following.kind == STRING:
            self.advance()
            return ast.Func("LITERAL_" + upper, [self.string_literal()])
        if upper[0] == "_" and following.kind in (STRING, BYTES):
            return self._introduced(upper)
        if upper == "N" and following.kind == STRING and following.start == token.end:
            self.advance()
            return self.string_literal()
        if upper in RESERVED and not (upper in CALLABLE_RESERVED and following.upper == "("):
            raise self.fail()
        return self._name_or_call()

    def _introduced(self, upper: str) -> ast.Expr:
        self.advance()
        charset = upper[1:].lower()
        if self.token.kind == BYTES:
            raw = bytes_value(self.advance())
            if charset == "binary":
                return ast.Literal(raw, "bytes")
            return ast.Literal(raw.decode("utf-8", "surrogateescape"), "string", None, charset)
        text = self.string()
        if charset == "binary":
            return ast.Literal(text.encode("utf-8", "surrogateescape"), "bytes")
        return ast.Literal(text, "string", None, charset)

    def _name_or_call(self) -> ast.Expr:
        token = self.advance()
        following = self.token
        if following.upper == "(" and token.kind == WORD:
            return self._call(token.upper)
        if following.upper != ".":
            return ast.ColumnRef(token.text)
        self.advance()
        if self.take("*"):
            return ast.Star(token.text)
        second = self.any_word()
        if self.token.upper == "(":
            raise not_supported(f"stored function {token.text}.{second}")
        if self.token.upper != ".":
            return ast.ColumnRef(second, token.text)
        self.advance()
        if self.take("*"):
            return ast.Star(second, token.text)
        return ast.ColumnRef(self.any_word(), second, token.text)

    def expression_list(self) -> list[ast.Expr]:
        items = [self.expression()]
        while self.take(","):
            items.append(self.expression())
        return items

    def order_list(self) -> list[ast.OrderItem]:
        items = []
        while True:
            value = self.expression()
            word = self.take_any("ASC", "DESC")
            items.append(ast.OrderItem(value, word == "DESC"))
            if not self.take(","):
                return items


def bytes_value(token: Token) -> bytes:
    return (
        hex_value(token.text)
        if token.text[1] in "xX" or token.text[0] in "xX"
        else bit_value(token.text)
    )
