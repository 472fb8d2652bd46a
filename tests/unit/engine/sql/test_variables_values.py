"""System variables: scopes, validation and what SHOW VARIABLES prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import SqlError
from engine.sql import collations
from engine.sql.variables import DEFAULT, SERVER_VERSION, SessionVariables
from tests.unit.engine.sql.describekit import instance


@pytest.fixture
def session() -> SessionVariables:
    return SessionVariables(instance())


def refused(call: Callable[..., Any], *args: Any) -> tuple[int, str]:
    with pytest.raises(SqlError) as caught:
        call(*args)
    return caught.value.errno, caught.value.message


CONNECTOR_J = """auto_increment_increment character_set_client character_set_connection
    character_set_results character_set_server collation_server collation_connection init_connect
    interactive_timeout license lower_case_table_names max_allowed_packet net_write_timeout
    performance_schema sql_mode system_time_zone time_zone transaction_isolation wait_timeout"""


def test_all_variables_that_connector_j_selects_exist(session: SessionVariables):
    for name in CONNECTOR_J.split():
        session.read(name)
        session.sql_type(name)


def test_defaults_are_those_of_mysql_8(session: SessionVariables):
    assert session.read("autocommit") == 1
    assert session.read("version") == SERVER_VERSION
    assert session.read("transaction_isolation") == "REPEATABLE-READ"
    assert session.read("sql_select_limit") == (1 << 64) - 1
    assert session.sql_select_limit is None
    assert session.read("socket") is None
    assert "ONLY_FULL_GROUP_BY" in session.sql_mode
    assert session.strict and session.autocommit and session.lock_wait == 50.0


def test_the_instance_shows_its_role():
    writer = SessionVariables(instance())
    reader = SessionVariables(instance("instance-2", role="reader"))
    assert writer.read("innodb_read_only") == 0
    assert reader.read("innodb_read_only", "global") == 1
    assert reader.rows("global", "innodb\\_read\\_only") == [("innodb_read_only", "ON")]
    assert reader.read("aurora_server_id") == "instance-2"


def test_unknown_and_wrong_scopes(session: SessionVariables):
    assert refused(session.read, "tokudb_version")[0] == 1193
    assert refused(session.assign, "nothing", "", 1)[0] == 1193
    assert refused(session.read, "hostname", "session") == (
        1238,
        "Variable 'hostname' is a GLOBAL variable",
    )
    assert refused(session.read, "timestamp", "global")[1].endswith("SESSION variable")
    assert refused(session.assign, "hostname", "", "x") == (
        1238,
        "Variable 'hostname' is a read only variable",
    )
    assert refused(session.assign, "max_connections", "", 5)[0] == 1229
    assert refused(session.assign, "timestamp", "global", 5)[0] == 1228


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("autocommit", 2, 1231),
        ("autocommit", "maybe", 1231),
        ("sql_mode", "NOT_A_MODE", 1231),
        ("wait_timeout", "ten", 1232),
        ("wait_timeout", None, 1232),
        ("wait_timeout", 1.5, 1232),
        ("time_zone", "Nowhere/Town", 1298),
        ("time_zone", "+15:00", 1298),
        ("character_set_client", "klingon", 1115),
        ("character_set_client", "utf16", 1231),
        ("character_set_client", None, 1231),
        ("collation_connection", "utf8mb4_klingon_ci", 1273),
        ("transaction_isolation", "CHAOS", 1231),
        ("insert_id", DEFAULT, 1230),
    ],
)
def test_wrong_values(session: SessionVariables, name: str, value: Any, number: int):
    assert refused(session.assign, name, "", value)[0] == number


@pytest.mark.parametrize("value", ["OFF", "off", 0, False, "false", "0", b"OFF"])
def test_booleans_in_all_spellings(session: SessionVariables, value: Any):
    assert session.assign("autocommit", "session", value) == "autocommit"
    assert session.autocommit is False
    assert session.read("autocommit") == 0
    assert session.rows("session", "autocommit") == [("autocommit", "OFF")]


def test_numbers_are_moved_into_their_range(session: SessionVariables):
    session.assign("wait_timeout", "", 0)
    assert session.read("wait_timeout") == 1
    session.assign("max_allowed_packet", "", 1_500)
    assert session.read("max_allowed_packet") == 1_024


def test_global_values_reach_later_sessions_only():
    info = instance()
    first = SessionVariables(info)
    assert first.assign("wait_timeout", "global", 77) == ""
    assert first.read("wait_timeout") == 28_800
    assert first.read("wait_timeout", "global") == 77
    assert SessionVariables(info).read("wait_timeout") == 77
    assert SessionVariables(instance()).read("wait_timeout") == 28_800
    first.assign("wait_timeout", "", DEFAULT)
    assert first.read("wait_timeout") == 77


def test_sql_mode_words_order_and_combinations(session: SessionVariables):
    session.assign("sql_mode", "", "no_zero_date,,PIPES_AS_CONCAT,NO_AUTO_CREATE_USER")
    assert session.read("sql_mode") == "PIPES_AS_CONCAT,NO_ZERO_DATE"
    assert session.pipes_as_concat and not session.strict
    session.assign("sql_mode", "", "ANSI")
    assert session.ansi_quotes and session.full_group_by
    assert str(session.read("sql_mode")).endswith("ONLY_FULL_GROUP_BY,ANSI")
    session.assign("sql_mode", "", "")
    assert session.sql_mode == frozenset()


def test_names_set_three_character_sets_and_the_collation(session: SessionVariables):
    session.set_names("utf8mb4", "utf8mb4_unicode_520_ci")
    assert session.collation_connection == "utf8mb4_unicode_520_ci"
    session.set_names("latin1")
    assert session.read("character_set_results") == "latin1"
    assert session.read("collation_connection") == "latin1_swedish_ci"
    session.set_names("utf8")
    assert session.read("character_set_client") == "utf8mb3"
    assert refused(session.set_names, "latin1", "utf8mb4_bin")[0] == 1253
    assert refused(session.set_names, "ucs2")[0] == 1231
    session.set_names(None)
    assert session.read("character_set_client") == "utf8mb4"


def test_character_sets_and_collations_change_together(session: SessionVariables):
    session.assign("character_set_connection", "", "latin1")
    assert session.collation_connection == "latin1_swedish_ci"
    session.assign("collation_connection", "", "utf8mb4_bin")
    assert session.character_set_connection == "utf8mb4"
    session.assign("character_set_results", "", None)
    assert session.character_set_results is None
    assert session.rows("session", "character_set_results") == [("character_set_results", "")]


@pytest.mark.parametrize(
    ("given", "kept"), [("+0:00", "+00:00"), ("-13:59", "-13:59"), ("system", "SYSTEM")]
)
def test_time_zones(session: SessionVariables, given: str, kept: str):
    assert session.assign("time_zone", "", given) == "time_zone"
    assert session.time_zone == kept


def test_transactions_settings(session: SessionVariables):
    session.set_transaction("", "READ-COMMITTED", True)
    assert (session.next_isolation, session.next_read_only) == ("READ-COMMITTED", True)
    assert session.transaction_isolation == "REPEATABLE-READ"
    session.transaction_ended()
    assert session.next_isolation is None
    session.set_transaction("session", "SERIALIZABLE", True)
    assert session.transaction_isolation == "SERIALIZABLE" and session.transaction_read_only


def test_reset_forgets_everything(session: SessionVariables):
    session.assign("sql_mode", "", "")
    session.last_insert_id = 9
    assert session.read("identity") == 9
    session.reset()
    assert session.strict
    assert session.read("last_insert_id") == 0


def test_changes_are_announced():
    told: list[int] = []
    session = SessionVariables(instance(), lambda: told.append(1))
    before = len(told)
    session.assign("sql_notes", "", 0)
    assert len(told) == before + 1


def test_optimizer_switches_are_merged(session: SessionVariables):
    session.assign("optimizer_switch", "", "semijoin=off")
    assert "semijoin=off" in str(session.read("optimizer_switch"))
    session.assign("optimizer_switch", "", "semijoin=default")
    assert "semijoin=on" in str(session.read("optimizer_switch"))
    assert refused(session.assign, "optimizer_switch", "", "nonsense=on")[0] == 1231


def test_rows_by_scope_and_pattern(session: SessionVariables):
    assert session.rows("session", "wait\\_timeout") == [("wait_timeout", "28800")]
    session_only = {"timestamp", "warning_count", "last_insert_id"}
    assert session_only.isdisjoint(name for name, _ in session.rows("global"))
    assert session_only <= {name for name, _ in session.rows("session")}
    assert session.rows("session", "AURORA_VERSION")[0][0] == "aurora_version"


def test_collations_are_those_of_mysql_8():
    assert len(collations.COLLATIONS) == 286
    assert len(collations.CHARACTER_SETS) == 41
    assert len({each.id for each in collations.COLLATIONS.values()}) == 286
    known = {255: "utf8mb4_0900_ai_ci", 45: "utf8mb4_general_ci", 8: "latin1_swedish_ci"}
    known |= {63: "binary", 246: "utf8mb4_unicode_520_ci", 309: "utf8mb4_0900_bin"}
    known |= {33: "utf8mb3_general_ci", 323: "utf8mb4_mn_cyrl_0900_as_cs"}
    for number, name in known.items():
        found = collations.by_id(number)
        assert found is not None and found.name == name
