"""information_schema's virtual tables over a small catalogue."""

from __future__ import annotations

import pytest

from engine.info import ReplicaStatus
from engine.sql.information_schema import VIRTUAL_TABLES
from engine.sql.schema import (
    EXPRESSION_DEFAULT,
    LITERAL_DEFAULT,
    NOW_DEFAULT,
    ColumnDef,
    IndexColumn,
    IndexDef,
    TableDef,
)
from engine.sql.types import BIGINT, DEFAULT_CHARSET, INT, SqlType, datetime, decimal, varchar
from tests.unit.engine.sql.describekit import DescribedSession, instance

ITEMS = TableDef(
    id=1,
    schema="shop",
    name="Items",
    columns=(
        ColumnDef("id", BIGINT, nullable=False, auto_increment=True),
        ColumnDef("name", varchar(20), nullable=False),
        ColumnDef("price", decimal(8, 2), default_kind=LITERAL_DEFAULT, default="0.00"),
        ColumnDef(
            "changed",
            datetime(6),
            nullable=False,
            default_kind=NOW_DEFAULT,
            on_update_now=True,
        ),
        ColumnDef(
            "kind",
            SqlType(
                "enum",
                members=("a", "bcd"),
                charset=DEFAULT_CHARSET,
                collation="utf8mb4_bin",
            ),
        ),
        ColumnDef("extra", INT, default_kind=EXPRESSION_DEFAULT, default="1 + 1"),
    ),
    indexes=(
        IndexDef("by_price", "KEY", (IndexColumn("price", descending=True), IndexColumn("name"))),
        IndexDef("name", "UNIQUE", (IndexColumn("name", 10),)),
        IndexDef("PRIMARY", "PRIMARY", (IndexColumn("id"),)),
    ),
    comment="what's sold",
)


@pytest.fixture
def session() -> DescribedSession:
    found = DescribedSession(instance(), tables=[ITEMS])
    found.db.execute(
        "INSERT INTO \"shop.^items\" VALUES(7, 'x', '1.00', '2026-01-01 00:00:00', 'a', 1)"
    )
    return found


def test_every_virtual_table_can_be_read(session: DescribedSession):
    for create in ("user", "db", "tables_priv"):  # only their names matter to the producers
        session.db.execute(f'CREATE TABLE "mysql.{create}"("User", "Host", "Db", "Table_name")')
    for table in VIRTUAL_TABLES.values():
        if table.name.endswith("_PRIVILEGES"):
            continue
        width = len(table.columns)
        for row in session.rows(f"SELECT * FROM {table.schema}.{table.name}"):
            assert len(row) == width, table.name


def test_tables(session: DescribedSession):
    rows = session.rows(
        "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, AUTO_INCREMENT, TABLE_COLLATION,"
        " TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop'"
    )
    assert rows == [("Items", "BASE TABLE", "InnoDB", 1, 8, "utf8mb4_0900_ai_ci", "what's sold")]
    assert session.rows(
        "SELECT TABLE_TYPE FROM information_schema.tables"
        " WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'TABLES'"
    ) == [("SYSTEM VIEW",)]


def test_names_of_tables_are_compared_exactly(session: DescribedSession):
    query = "SELECT count(*) FROM information_schema.TABLES WHERE TABLE_NAME = "
    assert session.rows(f"{query} 'items'") == [(0,)]
    assert session.rows(f"{query} 'items' COLLATE NOCASE") == [(1,)]
    assert session.rows(f"{query} NULL") == [(0,)]


def test_columns(session: DescribedSession):
    rows = session.rows(
        "SELECT COLUMN_NAME, ORDINAL_POSITION, COLUMN_DEFAULT, IS_NULLABLE, DATA_TYPE,"
        " CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE,"
        " DATETIME_PRECISION, COLLATION_NAME, COLUMN_TYPE, COLUMN_KEY, EXTRA"
        " FROM information_schema.COLUMNS WHERE table_schema = 'shop' AND table_name = 'Items'"
    )
    on_update = "DEFAULT_GENERATED on update CURRENT_TIMESTAMP(6)"
    plain = "utf8mb4_0900_ai_ci"
    assert rows == [
        ("id", 1, None, "NO", "bigint", None, None, 19, 0, None, None, "bigint", "PRI",
         "auto_increment"),
        ("name", 2, None, "NO", "varchar", 20, 80, None, None, None, plain, "varchar(20)", "UNI",
         ""),
        ("price", 3, "0.00", "YES", "decimal", None, None, 8, 2, None, None, "decimal(8,2)",
         "MUL", ""),
        ("changed", 4, "CURRENT_TIMESTAMP(6)", "NO", "datetime", None, None, None, None, 6, None,
         "datetime(6)", "", on_update),
        ("kind", 5, None, "YES", "enum", 3, 12, None, None, None, "utf8mb4_bin",
         "enum('a','bcd')", "", ""),
        ("extra", 6, "1 + 1", "YES", "int", None, None, 10, 0, None, None, "int", "",
         "DEFAULT_GENERATED"),
    ]  # fmt: skip


def test_indexes_and_constraints(session: DescribedSession):
    assert session.rows(
        "SELECT INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME, COLLATION, SUB_PART, NULLABLE"
        " FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = 'shop'"
    ) == [
        ("PRIMARY", 0, 1, "id", "A", None, ""),
        ("name", 0, 1, "name", "A", 10, ""),
        ("by_price", 1, 1, "price", "D", None, "YES"),
        ("by_price", 1, 2, "name", "A", None, ""),
    ]
    assert session.rows(
        "SELECT k.CONSTRAINT_NAME, k.COLUMN_NAME, c.CONSTRAINT_TYPE"
        " FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.TABLE_CONSTRAINTS c"
        " USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_NAME)"
        " WHERE k.CONSTRAINT_SCHEMA = 'shop' ORDER BY 1"
    ) == [("name", "name", "UNIQUE"), ("PRIMARY", "id", "PRIMARY KEY")]


def test_large_tables_are_estimated(session: DescribedSession):
    session.db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 8 UNION ALL SELECT i + 1 FROM n WHERE i < 20007)"
        " INSERT INTO \"shop.^items\" SELECT i, 'x' || i, '1.00', '2026-01-01 00:00:00', 'a', 1"
        " FROM n"
    )
    rows = session.rows(
        "SELECT TABLE_ROWS, AVG_ROW_LENGTH, AUTO_INCREMENT FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = 'shop'"
    )
    assert rows[0][0] == 20_001 and 20 < rows[0][1] < 100 and rows[0][2] == 20_008


def test_the_replicas_as_the_wrappers_read_them(session: DescribedSession):
    wall = session.info.clock.wall()
    session.info.note_replica(ReplicaStatus("instance-2", "some-uuid", wall - 20, 5.25, 3.5))
    assert session.rows(
        "SELECT SERVER_ID, SESSION_ID, LAST_UPDATE_TIMESTAMP, REPLICA_LAG_IN_MILLISECONDS, CPU,"
        " IS_CURRENT FROM information_schema.replica_host_status ORDER BY SERVER_ID"
    ) == [
        ("instance-1", "MASTER_SESSION_ID", "2023-11-14 22:13:20.25", 0.0, 0.0, 1),
        ("instance-2", "some-uuid", "2023-11-14 22:13:00.25", 5.25, 3.5, 0),
    ]
    session.variables.assign("time_zone", "", "+02:00")
    assert session.rows(
        "SELECT LAST_UPDATE_TIMESTAMP FROM information_schema.replica_host_status LIMIT 1"
    ) == [("2023-11-15 00:13:20.25",)]


def test_tables_that_must_not_exist():
    assert ("information_schema", "AURORA_GLOBAL_DB_STATUS") not in VIRTUAL_TABLES
    assert all(schema != "mysql" for schema, _ in VIRTUAL_TABLES)


def test_statistics_keywords_and_character_sets(session: DescribedSession):
    reserved = {
        word for word, flag in session.rows("SELECT * FROM information_schema.KEYWORDS") if flag
    }
    assert "SELECT" in reserved and "COMMENT" not in reserved
    assert session.rows(
        "SELECT CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
        " WHERE COLLATION_NAME = 'utf8mb4_0900_AI_CI'"
    ) == [("utf8mb4",)]
    uptime = "SELECT VARIABLE_VALUE FROM performance_schema.global_status"
    assert session.rows(f"{uptime} WHERE VARIABLE_NAME = 'uptime'") == [("100",)]
    assert session.rows("SELECT count(*) FROM information_schema.COLUMN_STATISTICS") == [(0,)]
