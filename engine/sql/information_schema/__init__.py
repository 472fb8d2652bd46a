"""information_schema and performance_schema: virtual tables made from the catalogue, the
accounts and the instance's state.

`VIRTUAL_TABLES` is for the catalogue, which thereby types their columns like any table's;
`register` provides their rows on one session's connection. Tables about what this server has not
got (views, triggers, routines, ...) exist with all their columns and no rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import apsw

from engine.sql.environment import SessionView
from engine.sql.information_schema import object_rows, privilege_rows, server_rows
from engine.sql.information_schema.definitions import read_tables
from engine.sql.information_schema.module import Module, Producer, Row, Wanted
from engine.sql.information_schema.objects import OBJECTS
from engine.sql.information_schema.server import PERFORMANCE, SERVER
from engine.sql.schema import TableDef

INFORMATION_SCHEMA: Final = "information_schema"
PERFORMANCE_SCHEMA: Final = "performance_schema"

VIRTUAL_TABLES: Final[Mapping[tuple[str, str], TableDef]] = {
    **read_tables(INFORMATION_SCHEMA, OBJECTS),
    **read_tables(INFORMATION_SCHEMA, SERVER),
    **read_tables(PERFORMANCE_SCHEMA, PERFORMANCE),
}

_PRODUCERS: Final[dict[tuple[str, str], Producer]] = {
    **{
        (INFORMATION_SCHEMA, name): producer
        for producers in (
            object_rows.PRODUCERS,
            server_rows.PRODUCERS,
            privilege_rows.PRODUCERS,
        )
        for name, producer in producers.items()
    },
    **{
        (PERFORMANCE_SCHEMA, name): producer
        for name, producer in server_rows.PERFORMANCE_PRODUCERS.items()
    },
}


def _nothing(session: SessionView, wanted: Wanted) -> Iterable[Row]:
    return ()


def register(db: apsw.Connection, session: SessionView, table: TableDef) -> None:
    """Make one virtual table readable on a connection, under its `sqlite_name`."""
    # apsw's protocol for modules names its optional methods as well, hence the cast.
    producer = _PRODUCERS.get((table.schema, table.name.upper()), _nothing)
    db.create_module(
        table.sqlite_name,
        cast(Any, Module(session, table, producer)),
        use_bestindex_object=True,
        eponymous=True,
        eponymous_only=True,
        read_only=True,
    )
