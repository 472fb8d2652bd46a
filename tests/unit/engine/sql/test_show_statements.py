"""SHOW and DESCRIBE: column names, rows, LIKE, WHERE and errors."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import SqlError
from engine.sql.parse.statements import parse_statement
from engine.sql.schema import LITERAL_DEFAULT, ColumnDef, IndexColumn, IndexDef, TableDef
from engine.sql.show import execute_show, show_create_table
from engine.sql.show.queries import QUERIES, build
from engine.sql.types import DEFAULT_CHARSET, INT, JSON, SqlType, varchar
from tests.unit.engine.sql.describekit import DescribedSession, instance
from tests.unit.engine.sql.grantkit import create_grant_tables
from tests.unit.engine.sql.test_infoschema_tables import ITEMS

SBTEST = TableDef(
    id=2,
    schema="shop",
    name="sbtest1",
    columns=(
        ColumnDef("id", INT, nullable=False, auto_increment=True),
        ColumnDef("k", INT, nullable=False, default_kind=LITERAL_DEFAULT, default="0"),
        ColumnDef(
            "c",
            SqlType("char", 120, charset=DEFAULT_CHARSET, collation="utf8mb4_0900_ai_ci"),
            nullable=False,
            default_kind=LITERAL_DEFAULT,
            default="",
        ),
    ),
    indexes=(
        IndexDef("k_1", "KEY", (IndexColumn("k"),)),
        IndexDef("PRIMARY", "PRIMARY", (IndexColumn("id"),)),
    ),
)


@pytest.fixture
def session() -> DescribedSession:
    found = DescribedSession(instance(), tables=[ITEMS, SBTEST])
    create_grant_tables(found.db)
    return found


async def show(session: DescribedSession, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    found = await execute_show(session, parse_statement(sql).node)
    return [column.name for column in found.columns], list(found.rows)


async def refusal(session: DescribedSession, sql: str) -> int:
    with pytest.raises(SqlError) as caught:
        await show(session, sql)
    return caught.value.errno


async def test_databases_and_tables(session: DescribedSession):
    names, rows = await show(session, "SHOW DATABASES")
    assert names == ["Database"]
    assert rows == [("information_schema",), ("mysql",), ("performance_schema",), ("shop",)]
    assert (await show(session, "SHOW SCHEMAS LIKE 'sh%'")) == (
        ["Database (sh%)"],
        [("shop",)],
    )
    assert await show(session, "SHOW TABLES") == (["Tables_in_shop"], [("Items",), ("sbtest1",)])
    assert await show(session, "SHOW FULL TABLES LIKE 'sb%'") == (
        ["Tables_in_shop (sb%)", "Table_type"],
        [("sbtest1", "BASE TABLE")],
    )
    sql = "SHOW FULL TABLES FROM `shop` WHERE `Tables_in_shop` = 'Items' AND Table_type != 'VIEW'"
    assert (await show(session, sql))[1] == [("Items", "BASE TABLE")]
    assert ("TABLES",) in (await show(session, "SHOW TABLES FROM INFORMATION_SCHEMA"))[1]


async def test_missing_things(session: DescribedSession):
    assert await refusal(session, "SHOW TABLES FROM nothing") == 1049
    assert await refusal(session, "SHOW COLUMNS FROM nothing") == 1146
    assert await refusal(session, "DESCRIBE nowhere.nothing") == 1049
    assert await refusal(session, "SHOW CREATE TABLE nothing") == 1146
    assert await refusal(session, "SHOW CREATE VIEW Items") == 1347
    assert await refusal(session, "SHOW CREATE PROCEDURE p") == 1305
    assert await refusal(session, "SHOW BINARY LOGS") == 1381
    assert await refusal(session, "SHOW VOLUME STATUS") == 1235
    session.database = None
    assert await refusal(session, "SHOW TABLES") == 1046
    assert await refusal(session, "SHOW COLUMNS FROM Items") == 1046


async def test_columns(session: DescribedSession):
    names, rows = await show(session, "DESCRIBE sbtest1")
    assert names == ["Field", "Type", "Null", "Key", "Default", "Extra"]
    assert rows == [
        ("id", "int", "NO", "PRI", None, "auto_increment"),
        ("k", "int", "NO", "MUL", "0", ""),
        ("c", "char(120)", "NO", "", "", ""),
    ]
    assert (await show(session, "DESC sbtest1 k"))[1] == [rows[1]]
    assert (await show(session, "SHOW COLUMNS FROM sbtest1 FROM shop LIKE 'i%'"))[1] == [rows[0]]
    names, rows = await show(session, "show full fields from sbtest1 where field = 'c'")
    assert names == [
        "Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment",
    ]  # fmt: skip
    assert rows == [
        ("c", "char(120)", "utf8mb4_0900_ai_ci", "NO", "", "", "",
         "select,insert,update,references", ""),
    ]  # fmt: skip


async def test_indexes(session: DescribedSession):
    names, rows = await show(session, "SHOW INDEX FROM sbtest1")
    assert names[:5] == ["Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name"]
    assert names[-2:] == ["Visible", "Expression"]
    assert [row[:5] for row in rows] == [
        ("sbtest1", 0, "PRIMARY", 1, "id"),
        ("sbtest1", 1, "k_1", 1, "k"),
    ]
    sql = "SHOW KEYS FROM sbtest1 WHERE Key_name = 'PRIMARY'"
    assert len((await show(session, sql))[1]) == 1


async def test_table_status(session: DescribedSession):
    names, rows = await show(session, "SHOW TABLE STATUS LIKE 'sb%'")
    assert names == [
        "Name", "Engine", "Version", "Row_format", "Rows", "Avg_row_length", "Data_length",
        "Max_data_length", "Index_length", "Data_free", "Auto_increment", "Create_time",
        "Update_time", "Check_time", "Collation", "Checksum", "Create_options", "Comment",
    ]  # fmt: skip
    assert rows[0][:5] == ("sbtest1", "InnoDB", 10, "Dynamic", 0)


async def test_variables_and_status(session: DescribedSession):
    assert await show(session, "SHOW VARIABLES LIKE 'aurora_version'") == (
        ["Variable_name", "Value"],
        [("aurora_version", "3.08.0")],
    )
    sql = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wait_timeout', 'port')"
    assert (await show(session, sql))[1] == [("port", "3306"), ("wait_timeout", "28800")]
    session.variables.assign("wait_timeout", "session", 5)
    assert (await show(session, "SHOW VARIABLES LIKE 'wait%'"))[1] == [("wait_timeout", "5")]
    assert (await show(session, "SHOW GLOBAL STATUS LIKE 'Uptime'"))[1] == [("Uptime", "100")]


async def test_character_sets_engines_and_plugins(session: DescribedSession):
    names, rows = await show(session, "SHOW CHARSET LIKE 'utf8mb4'")
    assert names == ["Charset", "Description", "Default collation", "Maxlen"]
    assert rows == [("utf8mb4", "UTF-8 Unicode", "utf8mb4_0900_ai_ci", 4)]
    names, rows = await show(session, "SHOW COLLATION WHERE Charset = 'ascii'")
    assert [row[0] for row in rows] == ["ascii_bin", "ascii_general_ci"]
    assert (await show(session, "SHOW ENGINES"))[1][0][:2] == ("InnoDB", "DEFAULT")
    assert "mysql_native_password" in [row[0] for row in (await show(session, "SHOW PLUGINS"))[1]]


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW EVENTS", "SHOW TRIGGERS", "SHOW FUNCTION STATUS WHERE Db = 'shop'",
        "SHOW PROCEDURE STATUS", "SHOW MASTER STATUS", "SHOW SLAVE STATUS", "SHOW REPLICA STATUS",
        "SHOW SLAVE HOSTS", "SHOW PROFILES", "SHOW OPEN TABLES", "SHOW PROCESSLIST",
        "SHOW ENGINE InnoDB MUTEX",
    ],
)  # fmt: skip
async def test_what_there_is_none_of(session: DescribedSession, sql: str):
    names, rows = await show(session, sql)
    assert names and rows == []


async def test_warnings(session: DescribedSession):
    session.warnings = [("Warning", 1265, "one"), ("Error", 1146, "two"), ("Note", 1051, "three")]
    assert await show(session, "SHOW WARNINGS") == (
        ["Level", "Code", "Message"],
        session.warnings,
    )
    assert (await show(session, "SHOW WARNINGS LIMIT 1, 5"))[1] == session.warnings[1:]
    assert (await show(session, "SHOW ERRORS"))[1] == session.warnings[1:2]
    assert await show(session, "SHOW COUNT(*) WARNINGS") == (["@@session.warning_count"], [(3,)])


async def test_accounts(session: DescribedSession):
    names, rows = await show(session, "SHOW GRANTS")
    assert names == ["Grants for admin@%"]
    assert rows[0][0].startswith("GRANT SELECT, INSERT, UPDATE")
    assert rows[0][0].endswith("ON *.* TO `admin`@`%` WITH GRANT OPTION")
    assert await refusal(session, "SHOW GRANTS FOR nobody") == 1141
    names, rows = await show(session, "SHOW CREATE USER admin")
    assert names == ["CREATE USER for admin@%"]
    assert "IDENTIFIED WITH 'mysql_native_password' REQUIRE NONE" in rows[0][0]


async def test_create_table_as_mysql_prints_it(session: DescribedSession):
    names, rows = await show(session, "SHOW CREATE TABLE sbtest1")
    assert names == ["Table", "Create Table"]
    assert rows[0][1] == (
        "CREATE TABLE `sbtest1` (\n"
        "  `id` int NOT NULL AUTO_INCREMENT,\n"
        "  `k` int NOT NULL DEFAULT '0',\n"
        "  `c` char(120) NOT NULL DEFAULT '',\n"
        "  PRIMARY KEY (`id`),\n"
        "  KEY `k_1` (`k`)\n"
        ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci"
    )
    session.db.execute("INSERT INTO \"shop.sbtest1\" VALUES(41, 0, '')")
    assert (
        "AUTO_INCREMENT=42 DEFAULT" in (await show(session, "SHOW CREATE TABLE sbtest1"))[1][0][1]
    )


def test_create_table_with_every_clause():
    assert show_create_table(ITEMS) == (
        "CREATE TABLE `Items` (\n"
        "  `id` bigint NOT NULL AUTO_INCREMENT,\n"
        "  `name` varchar(20) NOT NULL,\n"
        "  `price` decimal(8,2) DEFAULT '0.00',\n"
        "  `changed` datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)"
        " ON UPDATE CURRENT_TIMESTAMP(6),\n"
        "  `kind` enum('a','bcd') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,\n"
        "  `extra` int DEFAULT (1 + 1),\n"
        "  PRIMARY KEY (`id`),\n"
        "  UNIQUE KEY `name` (`name`(10)),\n"
        "  KEY `by_price` (`price` DESC,`name`)\n"
        ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci"
        " COMMENT='what''s sold'"
    )


def test_create_table_with_other_character_sets():
    table = TableDef(
        id=3,
        schema="shop",
        name="odd`name",
        columns=(
            ColumnDef("a", varchar(5, "latin1_swedish_ci")),
            ColumnDef("b", SqlType("text", charset="utf8mb4", collation="utf8mb4_unicode_ci")),
            ColumnDef("c", SqlType("timestamp"), comment="a\\b\nc"),
            ColumnDef("d", JSON),
            ColumnDef("e", varchar(5)),
        ),
        charset="latin1",
        collation="latin1_swedish_ci",
        row_format="Compressed",
    )
    assert show_create_table(table) == (
        "CREATE TABLE `odd``name` (\n"
        "  `a` varchar(5) DEFAULT NULL,\n"
        "  `b` text CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci,\n"
        "  `c` timestamp NULL DEFAULT NULL COMMENT 'a\\\\b\\nc',\n"
        "  `d` json DEFAULT NULL,\n"
        "  `e` varchar(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci DEFAULT NULL\n"
        ") ENGINE=InnoDB DEFAULT CHARSET=latin1 ROW_FORMAT=COMPRESSED"
    )


async def test_create_database(session: DescribedSession):
    assert await show(session, "SHOW CREATE DATABASE IF NOT EXISTS shop") == (
        ["Database", "Create Database"],
        [
            (
                "shop",
                "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET"
                " utf8mb4 COLLATE utf8mb4_0900_ai_ci */ /*!80016 DEFAULT ENCRYPTION='N' */",
            )
        ],
    )


def test_patterns_and_names_are_quoted_for_the_session():
    query = QUERIES["TABLES"]
    sql = build(query, schema="it's", like="a\\_b'")
    assert "TABLE_SCHEMA = 'it''s'" in sql and "LIKE 'a\\\\_b'''" in sql
    assert "LIKE 'a\\_b'''" in build(query, schema="s", like="a\\_b'", backslash_escapes=False)
