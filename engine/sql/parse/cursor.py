"""A position in a token list with the small questions every grammar rule asks."""

from __future__ import annotations

from engine.errors import SqlError, syntax_error
from engine.sql.parse.keywords import RESERVED
from engine.sql.parse.lexer import END, INTEGER, QUOTED, STRING, WORD, LexerModes, Token, tokenize


class Cursor:
    """Token list and position; grammar rules live in the subclasses."""

    def __init__(self, sql: str, modes: LexerModes, *, pipes_as_concat: bool = False) -> None:
        self.sql = sql
        self.pipes_as_concat = pipes_as_concat
        self.tokens = tokenize(sql, modes)
        self.position = 0
        self.token = self.tokens[0]
        self.params = 0

    def advance(self) -> Token:
        token = self.token
        if token.kind != END:
            self.position += 1
            self.token = self.tokens[self.position]
        return token

    def seek(self, position: int) -> None:
        self.position = position
        self.token = self.tokens[position]

    def peek(self, ahead: int = 1) -> Token:
        index = min(self.position + ahead, len(self.tokens) - 1)
        return self.tokens[index]

    def fail(self, token: Token | None = None) -> SqlError:
        """1064 pointing at the token that does not fit."""
        start = (token or self.token).start
        return syntax_error(self.sql[start:], self.sql.count("\n", 0, start) + 1)

    def at(self, *words: str) -> bool:
        """Whether the next tokens are these keywords or operators."""
        if self.token.upper != words[0]:
            return False
        return all(self.peek(ahead).upper == word for ahead, word in enumerate(words[1:], 1))

    def at_any(self, *words: str) -> bool:
        return self.token.upper in words

    def take(self, *words: str) -> bool:
        """Consume these keywords or operators if all of them come next."""
        if not self.at(*words):
            return False
        self.seek(self.position + len(words))
        return True

    def take_any(self, *words: str) -> str | None:
        upper = self.token.upper
        if upper and upper in words:
            self.advance()
            return upper
        return None

    def expect(self, *words: str) -> None:
        for word in words:
            if self.token.upper != word:
                raise self.fail()
            self.advance()

    def at_end(self) -> bool:
        return self.token.kind == END or self.token.upper == ";"

    def expect_end(self) -> None:
        while self.token.upper == ";":
            self.advance()
        if self.token.kind != END:
            raise self.fail()

    def at_identifier(self) -> bool:
        kind = self.token.kind
        return kind == QUOTED or (kind == WORD and self.token.upper not in RESERVED)

    def identifier(self) -> str:
        if not self.at_identifier():
            raise self.fail()
        return self.advance().text

    def any_word(self) -> str:
        """An identifier or any keyword: what may stand after a dot or name an option."""
        if self.token.kind not in (WORD, QUOTED):
            raise self.fail()
        return self.advance().text

    def string(self) -> str:
        if self.token.kind != STRING:
            raise self.fail()
        text = self.advance().text
        while self.token.kind == STRING:
            text += self.advance().text
        return text

    def name_or_string(self) -> str:
        """Where MySQL accepts both, as for character sets, users and engines."""
        if self.token.kind == STRING:
            return self.string()
        return self.any_word()

    def integer(self) -> int:
        if self.token.kind != INTEGER:
            raise self.fail()
        return int(self.advance().text)

    def qualified_name(self) -> tuple[str | None, str]:
        """[schema.]name"""
        first = self.identifier()
        if self.take("."):
            return first, self.any_word()
        return None, first

    def text_since(self, start: int) -> str:
        """The statement's text from an offset to the end of the last token consumed."""
        return self.sql[start : self.tokens[self.position - 1].end]
