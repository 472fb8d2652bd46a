"""A session for the parts that describe the server: a catalogue, variables, a SQLite database."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import apsw
from attrs import define, field

from engine.info import InstanceInfo
from engine.results import TYPE_VAR_STRING, Column, ResultSet
from engine.sessions import SessionRegistry
from engine.sql import information_schema
from engine.sql.catalog import Catalog
from engine.sql.schema import SchemaDef, TableDef, quote
from engine.sql.storage import create_table_sql
from engine.sql.variables import SessionVariables
from runtime.rng import Rng


class StillClock:
    def monotonic(self) -> float:
        return 100.0

    def wall(self) -> float:
        return 1_700_000_000.25

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here sleeps")


def instance(name: str = "instance-1", *, role: str = "writer") -> InstanceInfo:
    clock = StillClock()
    return InstanceInfo(
        instance_id=name,
        az="a",
        tier=0,
        port=3306,
        server_uuid="11111111-2222-3333-4444-555555555555",
        session_id="99999999-2222-3333-4444-555555555555",
        clock=clock,
        rng=Rng(1),
        started_at_wall=1_699_999_900.0,
        started_at=0.0,
        sessions=SessionRegistry(1, clock.monotonic),
        role=role,
    )


_NAMES = re.compile(r"\b(information_schema|performance_schema)\.(\w+)")


@define
class DescribedSession:
    """Satisfies `environment.SessionView`; queries go to SQLite nearly as they are."""

    info: InstanceInfo
    db: apsw.Connection = field(factory=lambda: apsw.Connection(":memory:"))
    database: str | None = "shop"
    user: str = "admin"
    client_host: str = "127.0.0.1"
    connection_id: int = 16_777_217
    warnings: list[tuple[str, int, str]] = field(factory=list)
    tables: list[TableDef] = field(factory=list)
    variables: SessionVariables = field(init=False)
    _catalog: Catalog = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.variables = SessionVariables(self.info)
        self.db.create_collation("decimal", lambda a, b: (a > b) - (a < b))
        self.db.create_scalar_function("concat", lambda *parts: "".join(map(str, parts)))
        schemata = {"shop": SchemaDef("shop"), "mysql": SchemaDef("mysql")}
        schemata |= {
            name: SchemaDef(name, "utf8mb3", "utf8mb3_general_ci")
            for name, _ in information_schema.VIRTUAL_TABLES
        }
        tables = dict(information_schema.VIRTUAL_TABLES)
        for table in self.tables:
            tables[table.schema, table.name] = table
            self.db.execute(create_table_sql(table))
        self._catalog = Catalog(1, schemata, tables, {})
        for table in information_schema.VIRTUAL_TABLES.values():
            information_schema.register(self.db, self, table)

    def catalog(self) -> Catalog:
        return self._catalog

    async def query(self, sql: str) -> ResultSet:
        names: list[str] = []
        cursor = self.db.cursor()

        def note(traced: apsw.Cursor, text: str, bindings: object) -> bool:
            names.extend(column[0] for column in traced.get_description())
            return True

        cursor.exec_trace = note
        cursor.execute(self.adapted(sql))
        columns = tuple(
            Column(name, name, "", "", "", TYPE_VAR_STRING, 255, 0, 0, 0) for name in names
        )
        return ResultSet(columns, [tuple(row) for row in cursor])

    def adapted(self, sql: str) -> str:
        def replaced(match: re.Match[str]) -> str:
            key = (match[1].lower(), match[2].upper())
            return quote(information_schema.VIRTUAL_TABLES[key].sqlite_name)

        return _NAMES.sub(replaced, sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.db.execute(self.adapted(sql))]

    async def write(
        self, change: Callable[[apsw.Connection], Any], *, implicit_commit: bool
    ) -> Any:
        return change(self.db)
