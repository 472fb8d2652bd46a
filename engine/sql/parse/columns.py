"""Column and index definitions, as they stand in CREATE TABLE and ALTER TABLE."""

from __future__ import annotations

from engine.errors import not_supported
from engine.sql.parse import ast
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.parse.changes import ChangeParser
from engine.sql.parse.lexer import DECIMAL, FLOAT, INTEGER
from engine.sql.parse.type_names import parse_column_type


class ColumnParser(ChangeParser):
    """Adds the pieces of table definitions."""

    def column_spec(self, name: str | None = None) -> ddl.ColumnSpec:
        column_name = self.identifier() if name is None else name
        spec = ddl.ColumnSpec(column_name, parse_column_type(self))
        if spec.type.name == "serial":
            spec.type = ast.TypeName("bigint", unsigned=True)
            spec.nullable, spec.auto_increment, spec.unique = False, True, True
        while self._column_attribute(spec):
            pass
        return spec

    def _column_attribute(self, spec: ddl.ColumnSpec) -> bool:
        if self.take("NOT", "NULL"):
            spec.nullable = False
        elif self.take("NULL"):
            spec.nullable = True
        elif self.take("DEFAULT"):
            spec.default, spec.default_text = self.default_value()
        elif self.take("ON", "UPDATE"):
            spec.on_update = self._current_timestamp()
        elif self.take("AUTO_INCREMENT"):
            spec.auto_increment = True
        elif self.take("PRIMARY", "KEY") or self.take("KEY") or self.take("PRIMARY"):
            spec.primary = True
        elif self.take("UNIQUE"):
            self.take("KEY")
            spec.unique = True
        elif self.take("COMMENT"):
            spec.comment = self.string()
        elif self.take("COLLATE"):
            spec.type.collation = self.name_or_string().lower()
        elif self.take("VISIBLE"):
            spec.visible = True
        elif self.take("INVISIBLE"):
            raise not_supported("INVISIBLE columns")
        elif self.take_any("COLUMN_FORMAT", "STORAGE"):
            self.any_word()
        elif self.take("REFERENCES"):
            self._inline_reference()
        elif self.at_any("GENERATED", "AS"):
            raise not_supported("generated columns")
        elif self.at_any("CHECK", "CONSTRAINT"):
            raise not_supported("CHECK constraints")
        else:
            return False
        return True

    def default_value(self) -> tuple[ast.Expr, str | None]:
        """The value and, when it is an expression in parentheses, its text."""
        if self.token.upper == "(":
            self.expect("(")
            start = self.token.start
            value = self.expression()
            text = self.sql[start : self.token.start].strip()
            self.expect(")")
            return value, text
        if self.at_any("-", "+"):
            sign = self.advance().upper
            if self.token.kind not in (INTEGER, DECIMAL, FLOAT):
                raise self.fail()
            number = self._primary()
            return (ast.Unary("-", number) if sign == "-" else number), None
        if self.at_any("CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"):
            return self._current_timestamp(), None
        value = self._primary()
        if not isinstance(value, ast.Literal):
            raise self.fail(self.tokens[self.position - 1])
        return value, None

    def _current_timestamp(self) -> ast.Expr:
        if not self.take_any("CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"):
            raise self.fail()
        args: list[ast.Expr] = []
        if self.take("("):
            if self.token.kind == INTEGER:
                args.append(ast.Literal(self.integer(), "int"))
            self.expect(")")
        return ast.Func("CURRENT_TIMESTAMP", args)

    def _inline_reference(self) -> None:
        """A column's own REFERENCES clause: InnoDB reads it and ignores it, so do we."""
        self.qualified_name()
        if self.token.upper == "(":
            self.index_parts()
        self._reference_actions()

    def _reference_actions(self) -> None:
        if self.take("MATCH"):
            self.any_word()
        while self.take("ON"):
            self.any_word()
            known = (("SET", "NULL"), ("SET", "DEFAULT"), ("NO", "ACTION"))
            if not any(self.take(*words) for words in known):
                self.any_word()

    # indexes

    def index_parts(self) -> list[ddl.IndexPart]:
        self.expect("(")
        parts = []
        while True:
            if self.token.upper == "(":
                raise not_supported("functional indexes")
            part = ddl.IndexPart(self.identifier())
            if self.take("("):
                part.length = self.integer()
                self.expect(")")
            part.descending = self.take_any("ASC", "DESC") == "DESC"
            parts.append(part)
            if not self.take(","):
                break
        self.expect(")")
        return parts

    def index_spec(self) -> ddl.IndexSpec | None:
        """[CONSTRAINT [name]] PRIMARY KEY | UNIQUE | KEY | INDEX ...; None if none starts here."""
        name = None
        constraint = self.take("CONSTRAINT")
        if constraint and not self.at_any("PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
            name = self.identifier()
        if self.take("PRIMARY", "KEY"):
            self._index_type()
            return self._index_rest("PRIMARY", "PRIMARY")
        if self.take("UNIQUE"):
            self.take_any("KEY", "INDEX")
            name = self._index_name() or name
            return self._index_rest("UNIQUE", name)
        if self.at_any("FOREIGN"):
            raise not_supported("FOREIGN KEY constraints")
        if self.at("CHECK"):
            raise not_supported("CHECK constraints")
        if constraint:
            raise self.fail()
        if self.at_any("FULLTEXT", "SPATIAL"):
            raise not_supported(f"{self.token.upper} indexes")
        if self.take_any("KEY", "INDEX"):
            return self._index_rest("KEY", self._index_name())
        return None

    def _index_name(self) -> str | None:
        name = None
        if self.token.upper not in ("(", "USING") and self.at_identifier():
            name = self.identifier()
        self._index_type()
        return name

    def _index_type(self) -> None:
        if (self.take("USING") or self.take("TYPE")) and not self.take_any("BTREE", "HASH"):
            raise self.fail()

    def _index_rest(self, kind: str, name: str | None) -> ddl.IndexSpec:
        spec = ddl.IndexSpec(kind, name, self.index_parts())
        self.index_options(spec)
        return spec

    def index_options(self, spec: ddl.IndexSpec) -> None:
        while True:
            if self.at_any("USING", "TYPE"):
                self._index_type()
            elif self.take("COMMENT"):
                spec.comment = self.string()
            elif self.take("KEY_BLOCK_SIZE"):
                self.take("=")
                self.integer()
            elif self.take("INVISIBLE"):
                raise not_supported("INVISIBLE indexes")
            elif not self.take("VISIBLE"):
                return
