"""What real clients say first, in their own words; none of it may fail."""

from __future__ import annotations

import pytest

from engine.errors import SqlError
from engine.results import ResultSet
from tests.unit.engine.sql.sessionkit import Kit, rows, run

STATEMENTS = [
    "/* mysql-connector-j-8.4 */SELECT @@session.auto_increment_increment AS"
    " auto_increment_increment, @@character_set_client AS character_set_client,"
    " @@character_set_connection AS character_set_connection, @@character_set_results AS"
    " character_set_results, @@character_set_server AS character_set_server, @@collation_server AS"
    " collation_server, @@collation_connection AS collation_connection, @@init_connect AS"
    " init_connect, @@interactive_timeout AS interactive_timeout, @@license AS license,"
    " @@lower_case_table_names AS lower_case_table_names, @@max_allowed_packet AS"
    " max_allowed_packet, @@net_write_timeout AS net_write_timeout, @@performance_schema AS"
    " performance_schema, @@sql_mode AS sql_mode, @@system_time_zone AS system_time_zone,"
    " @@time_zone AS time_zone, @@transaction_isolation AS transaction_isolation, @@wait_timeout"
    " AS wait_timeout",
    "SELECT VERSION(), @@sql_mode, @@default_storage_engine, @@sql_auto_is_null,"
    " @@lower_case_table_names, CONVERT_TZ('2001-01-01 01:00:00', 'UTC', 'UTC') IS NOT NULL",
    "set sql_mode=CONCAT(@@sql_mode,',STRICT_TRANS_TABLES'),session_track_system_variables ="
    " CONCAT(@@global.session_track_system_variables,',transaction_isolation'),NAMES utf8mb4",
    "SET sql_mode=(SELECT CONCAT(@@sql_mode, ',PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION')),"
    "time_zone='+00:00',NAMES utf8mb4 COLLATE utf8mb4_unicode_ci;",
    "SET sql_mode=DEFAULT",
    "SELECT @@max_allowed_packet,@@wait_timeout,@@socket",
    "select @@version_comment limit 1",
    "select DATABASE(), USER() limit 1",
    "select @@character_set_client, @@character_set_connection, @@character_set_server,"
    " @@character_set_database limit 1",
    "SET SQL_SAFE_UPDATES=1,SQL_SELECT_LIMIT=1000,MAX_JOIN_SIZE=1000000",
    "SET SQL_SAFE_UPDATES=0,SQL_SELECT_LIMIT=DEFAULT",
    "BEGIN;",
    "COMMIT",
    "START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT */",
    "SAVEPOINT `sa_savepoint_1`;",
    "ROLLBACK TO SAVEPOINT `sa_savepoint_1`",
    "RELEASE SAVEPOINT `sa_savepoint_1`",
    "COMMIT",
    "/*!40100 SET @@SQL_MODE='' */",
    "/*!40103 SET TIME_ZONE='+00:00' */",
    "/*M!100100 SET WAIT_TIMEOUT=DEFAULT */",
    "/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */",
    "/*!50503 SET NAMES utf8mb4 */",
    "SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO'",
    "SET SQL_MODE=@OLD_SQL_MODE",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET autocommit=0",
    "SET @@session.autocommit = OFF",
    "SET AUTOCOMMIT = 1",
    "SET character_set_results = NULL",
    "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_0900_ai_ci'",
    "SET net_write_timeout=600",
    "SET lock_wait_timeout=2",
    "SELECT @@session.transaction_read_only",
    "SELECT @@transaction_isolation",
    "SELECT @@innodb_read_only",
    "SELECT @@aurora_server_id, @@aurora_server_id",
    "SELECT CONCAT(@@hostname, ':', @@port)",
    "SELECT AURORA_VERSION()",
    "SHOW VARIABLES LIKE 'aurora_version'",
    "SELECT SERVER_ID, CASE WHEN SESSION_ID = 'MASTER_SESSION_ID' THEN TRUE ELSE FALSE END, CPU,"
    " REPLICA_LAG_IN_MILLISECONDS, LAST_UPDATE_TIMESTAMP FROM"
    " information_schema.replica_host_status WHERE time_to_sec(timediff(now(),"
    " LAST_UPDATE_TIMESTAMP)) <= 300 OR SESSION_ID = 'MASTER_SESSION_ID' ",
    "SELECT SERVER_ID FROM information_schema.replica_host_status WHERE SESSION_ID ="
    " 'MASTER_SESSION_ID' AND SERVER_ID = @@aurora_server_id",
    "SELECT 1 AS tmp FROM information_schema.tables WHERE table_schema = 'mysql' AND table_name ="
    " 'rds_topology'",
    "show databases",
    "show tables",
    "show /*!50002 GLOBAL */ status",
    "show /*!40003 GLOBAL */ variables",
    "show processlist",
    "SHOW WARNINGS",
    "SHOW ENGINES",
    "SHOW COLLATION",
    "flush tables",
    "SELECT 1+1 AS result",
    "/* ping */ SELECT 1",
    "DO 1",
]


@pytest.mark.parametrize("prepared", [False, True])
async def test_everything_is_understood(prepared):
    session = (await Kit().start()).session()
    failed = []
    for sql in STATEMENTS:
        try:
            (text,) = session.split(sql, False)
            statement = await session.prepare(text)
            result = await session.run(statement, ())
            if isinstance(result, ResultSet):
                found = list(result.rows)
                assert all(len(row) == len(result.columns) for row in found)
                if prepared:
                    assert statement.columns == result.columns
        except SqlError as problem:
            failed.append((sql, problem))
    assert not failed


async def test_one_writer_in_the_topology():
    session = (await Kit().start()).session()
    sql = next(sql for sql in STATEMENTS if "SERVER_ID, CASE" in sql)
    assert await rows(session, sql) == [("instance-1", 1, 0.0, 0.0, "2023-11-14 22:13:20.250000")]


UNSUPPORTED = [
    ("CALL p()", "CALL"),
    ("CREATE VIEW v AS SELECT 1", "CREATE VIEW"),
    ("CREATE DEFINER=`a`@`b` TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a = 1",
     "CREATE TRIGGER"),
    ("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "LOAD DATA"),
    ("XA START 'a'", "XA transactions"),
    ("CREATE TABLE fk (a INT, FOREIGN KEY (a) REFERENCES t(id))", "FOREIGN KEY constraints"),
    ("CREATE TABLE g (a INT, b INT AS (a + 1))", "generated columns"),
    ("CREATE TABLE c (a INT CHECK (a > 0))", "CHECK constraints"),
    ("CREATE TEMPORARY TABLE x (a INT)", "CREATE TEMPORARY TABLE"),
    ("SELECT 1 INTO @a", "SELECT ... INTO"),
    ("SELECT 1 GROUP BY 1 WITH ROLLUP", "GROUP BY ... WITH ROLLUP"),
    ("EXPLAIN FORMAT=JSON SELECT 1", "EXPLAIN FORMAT=JSON"),
    ("HANDLER t OPEN", "HANDLER"),
]  # fmt: skip


@pytest.mark.parametrize("sql, what", UNSUPPORTED)
async def test_what_is_not_supported_is_named(sql, what):
    session = (await Kit().start()).session()
    with pytest.raises(SqlError) as caught:
        await run(session, sql)
    assert (caught.value.errno, caught.value.sqlstate) == (1235, "42000")
    assert caught.value.message == f"This version of MySQL doesn't yet support '{what}'"


ERRORS = [
    ("selec 1", 1064, "near 'selec 1' at line 1"),
    ("select *\nfrom", 1064, "near '' at line 2"),
    ("select 1; select 2", 1064, "near 'select 2' at line 1"),
    ("select 'abc", 1064, "near ''abc' at line 1"),
    ("", 1065, "Query was empty"),
    ("SELECT * FROM nope", 1146, "Table 'test.nope' doesn't exist"),
    ("SELECT * FROM nope.t", 1049, "Unknown database 'nope'"),
    ("USE nope", 1049, "Unknown database 'nope'"),
    ("SELECT a.id FROM t", 1054, "Unknown column 'a.id' in 'field list'"),
    ("SELECT id FROM t WHERE x = 1", 1054, "Unknown column 'x' in 'where clause'"),
    ("SELECT id FROM t ORDER BY x", 1054, "Unknown column 'x' in 'order clause'"),
    ("SELECT id FROM t GROUP BY x", 1054, "Unknown column 'x' in 'group statement'"),
    ("SELECT id FROM t ORDER BY 2", 1054, "Unknown column '2' in 'order clause'"),
    ("SELECT id FROM t a JOIN t b ON a.id = b.x", 1054, "Unknown column 'b.x' in 'on clause'"),
    ("SELECT id FROM t a, t b", 1052, "Column 'id' in field list is ambiguous"),
    ("SELECT * FROM t, t", 1066, "Not unique table/alias: 't'"),
    ("SELECT * FROM (SELECT 1)", 1248, "Every derived table must have its own alias"),
    ("SELECT * FROM (SELECT 1 a, 2 a) d", 1060, "Duplicate column name 'a'"),
    ("SELECT *", 1096, "No tables used"),
    ("SELECT 1 UNION SELECT 1, 2", 1222,
     "The used SELECT statements have a different number of columns"),
    ("SELECT id, count(*) FROM t WHERE count(*) > 1", 1111, "Invalid use of group function"),
    ("SELECT k, id FROM t GROUP BY k", 1055, "incompatible with sql_mode=only_full_group_by"),
    ("SELECT count(*), id FROM t", 1140, "incompatible with sql_mode=only_full_group_by"),
    ("SET nope = 1", 1193, "Unknown system variable 'nope'"),
    ("SET GLOBAL port = 1", 1238, "Variable 'port' is a read only variable"),
    ("KILL 99999", 1094, "Unknown thread id: 99999"),
    ("ROLLBACK TO nope", 1305, "SAVEPOINT nope does not exist"),
    ("CREATE TABLE t (a INT)", 1050, "Table 't' already exists"),
    ("DROP TABLE nope", 1051, "Unknown table 'test.nope'"),
    ("CREATE DATABASE test", 1007, "Can't create database 'test'; database exists"),
    ("DROP DATABASE nope", 1008, "Can't drop database 'nope'; database doesn't exist"),
]  # fmt: skip


@pytest.mark.parametrize("sql, errno, text", ERRORS)
async def test_errors_read_as_in_mysql(sql, errno, text):
    session = (await Kit().start()).session()
    await run(session, "CREATE TABLE t (id INT PRIMARY KEY, k INT)")
    with pytest.raises(SqlError) as caught:
        await run(session, sql)
    assert caught.value.errno == errno
    assert caught.value.message.endswith(text)


async def test_no_database_selected():
    session = (await Kit().start()).session(None)
    for sql in ("SELECT * FROM t", "CREATE TABLE t (a INT)", "SHOW TABLES"):
        with pytest.raises(SqlError) as caught:
            await run(session, sql)
        assert (caught.value.errno, caught.value.sqlstate) == (1046, "3D000")


async def test_warnings_of_the_last_statement():
    session = (await Kit().start()).session()
    with pytest.raises(SqlError):
        await run(session, "SELECT nope")
    assert await rows(session, "SHOW WARNINGS") == [
        ("Error", 1054, "Unknown column 'nope' in 'field list'")
    ]
    await run(session, "DROP TABLE IF EXISTS nope")
    assert await rows(session, "SHOW WARNINGS") == [("Note", 1051, "Unknown table 'test.nope'")]
    assert await rows(session, "SHOW COUNT(*) WARNINGS") == [(1,)]
    await run(session, "SELECT 1")
    assert await rows(session, "SHOW WARNINGS") == []
