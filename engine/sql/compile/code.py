"""Compiled expressions and the values bound to their placeholders.

A constant is not rendered until its SQL is asked for: a comparison may first convert it to the
other side's type, which then happens once per execution in Python and not once per row in SQLite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from attrs import define, evolve, field, frozen

from engine.results import Column
from engine.sql.types import SqlType

Converter: TypeAlias = Callable[[Any], Any]


@frozen
class Fixed:
    """A value known when the plan is made."""

    value: Any


@frozen
class FromParam:
    """A bound parameter (or a freed literal) by number."""

    index: int
    convert: Converter | None = None


@frozen
class FromSession:
    """A value the session supplies when the statement runs, as NOW() or @@sql_mode."""

    read: Callable[[Any], Any]
    convert: Converter | None = None


@frozen(eq=False)
class Stored:
    """A constant assigned to a column: checked and fitted when it is bound."""

    source: Source
    store: Callable[[Any, Any], Any]


@frozen
class FromRow:
    """A stored value of the row being inserted, by the column's position."""

    position: int
    convert: Converter | None = None


Source: TypeAlias = Fixed | FromParam | FromSession | Stored | FromRow


def source_value(source: Source, params: Any, session: Any) -> Any:
    """What a placeholder is bound to in one execution."""
    kind = type(source)
    if kind is FromParam:
        value = params[source.index]  # type: ignore[union-attr]
    elif kind is FromSession:
        value = source.read(session)  # type: ignore[union-attr]
    elif kind is Stored:
        value = source_value(source.source, params, session)  # type: ignore[union-attr]
        return source.store(value, session.problems)  # type: ignore[union-attr]
    elif kind is FromRow:
        value = session.row_values[source.position]  # type: ignore[union-attr]
    else:
        return source.value  # type: ignore[union-attr]
    convert = source.convert  # type: ignore[union-attr]
    return value if convert is None or value is None else convert(value)


@frozen
class Slots:
    """How the bindings of one SQLite statement are made from parameters and session."""

    sources: tuple[Source, ...]
    direct: bool  # exactly the parameters, in order and unconverted; there are some

    def bind(self, params: Any, session: Any) -> Any:
        if self.direct:
            return params
        return [source_value(source, params, session) for source in self.sources]


_PLACEHOLDER: Final = re.compile(r"\?(\d+)")


class Binder:
    """Hands out the ?N placeholders of one SQLite statement."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._sources: list[Source] = []

    def place(self, source: Source) -> str:
        key: Any = source
        if isinstance(source, Fixed):
            key = (type(source.value), source.value)
        number = self._numbers.get(key)
        if number is None:
            self._sources.append(source)
            number = self._numbers[key] = len(self._sources)
        return f"?{number}"

    def slots(self, sql: str, param_count: int) -> Slots:
        """Slots for that SQL; trailing placeholders it does not mention are dropped."""
        used = max((int(number) for number in _PLACEHOLDER.findall(sql)), default=0)
        sources = tuple(self._sources[:used])
        direct = 0 < len(sources) == param_count and all(
            isinstance(source, FromParam) and source.index == at and source.convert is None
            for at, source in enumerate(sources)
        )
        return Slots(sources, direct)


@frozen
class Origin:
    """The table column a value comes from unchanged."""

    schema: str
    table: str  # alias
    org_table: str
    org_name: str
    flags: int


@define
class Code:
    """A compiled expression in the stored form of its type (see `types`)."""

    type: SqlType
    nullable: bool = True
    origin: Origin | None = None
    source: Source | None = None  # set for constants
    binder: Binder | None = None
    collation: str | None = None  # from an explicit COLLATE
    column_collation: bool = False  # SQLite applies the right collation by itself
    _sql: str | None = field(default=None, alias="sql")

    @property
    def sql(self) -> str:
        if self._sql is None:
            assert self.source is not None and self.binder is not None
            self._sql = render(self.source, self.binder)
        return self._sql

    @property
    def is_constant(self) -> bool:
        return self.source is not None

    @property
    def fixed(self) -> Fixed | None:
        return self.source if isinstance(self.source, Fixed) else None


def render(source: Source, binder: Binder) -> str:
    if not isinstance(source, Fixed):
        return binder.place(source)
    value = source.value
    if value is None:
        return "NULL"
    if type(value) is int and -(1 << 63) < value < 1 << 63:
        return str(value)
    if type(value) is float and math.isfinite(value):
        return repr(value)
    if type(value) is str and len(value) < 200 and "?" not in value and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return binder.place(source)


def convert_source(source: Source, convert: Converter) -> Source:
    """The same value after a conversion; None stays None."""
    if isinstance(source, Fixed):
        return Fixed(None if source.value is None else convert(source.value))
    assert not isinstance(source, Stored), source
    before = source.convert
    return evolve(source, convert=convert if before is None else _chained(before, convert))


_chains: Final[dict[tuple[Converter, Converter], Converter]] = {}


def _chained(first: Converter, second: Converter) -> Converter:
    def chained(value: Any) -> Any:
        middle = first(value)
        return None if middle is None else second(middle)

    # One object per pair, so that equal sources share a placeholder.
    return _chains.setdefault((first, second), chained)


@frozen
class OutputColumn:
    """One column of a query's result while it is being compiled."""

    name: str
    code: Code

    def metadata(self) -> Column:
        kind = self.code.type
        origin = self.code.origin
        flags = kind.wire_flags()
        if origin is not None:
            return Column(
                self.name, origin.org_name, origin.table, origin.org_table, origin.schema,
                kind.wire_type(), wire_charset(kind), kind.wire_length(), flags | origin.flags,
                kind.wire_decimals(),
            )  # fmt: skip
        if not self.code.nullable:
            flags |= 1
        if kind.is_numeric:
            flags |= 128  # MySQL marks computed numbers BINARY
        decimals = 31 if kind.is_text or kind.family == "binary" else kind.wire_decimals()
        return Column(
            self.name, "", "", "", "", kind.wire_type(), wire_charset(kind), kind.wire_length(),
            flags, decimals,
        )  # fmt: skip


_COLLATION_IDS: Final = {"utf8mb4_0900_ai_ci": 255, "utf8mb4_bin": 46, "utf8mb4_general_ci": 45}


def wire_charset(kind: SqlType) -> int:
    if kind.is_text:
        return _COLLATION_IDS.get(kind.collation, 255)
    return 63
