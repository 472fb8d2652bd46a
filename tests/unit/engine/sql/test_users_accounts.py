"""Accounts: who a client is logged in as, and the statements that change accounts."""

from __future__ import annotations

import pytest

from engine.auth import native_hash
from engine.errors import SqlError
from engine.sql import grants, users
from engine.sql.accounts import find_account, host_matches
from engine.sql.parse.statements import parse_statement
from tests.unit.engine.sql.describekit import DescribedSession
from tests.unit.engine.sql.grantkit import session_of


async def run(session: DescribedSession, sql: str) -> None:
    await users.execute_account(session, getattr(parse_statement(sql).node, "items", [None])[0]
                                or parse_statement(sql).node)  # fmt: skip


async def refusal(session: DescribedSession, sql: str) -> tuple[int, str]:
    with pytest.raises(SqlError) as caught:
        await run(session, sql)
    return caught.value.errno, caught.value.message


@pytest.mark.parametrize(
    ("allowed", "host", "fits"),
    [
        ("%", "10.1.2.3", True),
        ("10.1.%", "10.1.2.3", True),
        ("10.1.%", "10.2.2.3", False),
        ("10.1.2._", "10.1.2.3", True),
        ("10.1.0.0/16", "10.1.2.3", True),
        ("10.1.0.0/255.255.255.0", "10.1.2.3", False),
        ("10.1.0.0/banana", "10.1.2.3", False),
        ("localhost", "127.0.0.1", True),
        ("localhost", "10.1.2.3", False),
        ("127.0.0.1", "127.0.0.1", True),
    ],
)
def test_hosts(allowed: str, host: str, fits: bool):
    assert host_matches(allowed, host) is fits


async def test_the_first_account_has_every_privilege_and_no_password():
    session = session_of()
    found = find_account(session.db, "admin", "10.0.0.1")
    assert found is not None and (found.host, found.auth_string) == ("%", "")
    assert "GRANT OPTION" in grants.global_privileges(session.db, "admin", "%")
    assert find_account(session.db, "nobody", "10.0.0.1") is None


def test_a_volume_without_accounts_has_no_users():
    session = DescribedSession(session_of().info)
    assert find_account(session.db, "admin", "127.0.0.1") is None


async def test_the_most_specific_account_is_found():
    session = session_of()
    for host in ("%", "10.%", "10.1.%", "10.1.2.3"):
        await run(session, f"CREATE USER 'app'@'{host}' IDENTIFIED BY '{host}'")
    await run(session, "CREATE USER ''@'10.1.2.3'")

    def found(user: str, host: str) -> tuple[str, str]:
        account = find_account(session.db, user, host)
        assert account is not None
        return account.user, account.host

    assert found("app", "10.1.2.3") == ("app", "10.1.2.3")
    assert found("app", "10.1.9.9") == ("app", "10.1.%")
    assert found("app", "10.9.9.9") == ("app", "10.%")
    assert found("app", "8.8.8.8") == ("app", "%")
    assert found("other", "10.1.2.3") == ("", "10.1.2.3")


async def test_create_alter_drop_and_rename():
    session = session_of()
    await run(session, "CREATE USER app IDENTIFIED BY 'one', 'b'@'localhost'")
    account = find_account(session.db, "app", "10.0.0.1")
    assert account is not None and account.auth_string == native_hash("one")
    assert await refusal(session, "CREATE USER app") == (
        1396,
        "Operation CREATE USER failed for 'app'@'%'",
    )
    await run(session, "CREATE USER IF NOT EXISTS app IDENTIFIED BY 'two'")
    await run(session, "ALTER USER app IDENTIFIED WITH mysql_native_password BY 'three'")
    await run(session, "RENAME USER app TO 'neu'@'10.%'")
    account = find_account(session.db, "neu", "10.0.0.1")
    assert account is not None and account.auth_string == native_hash("three")
    assert (await refusal(session, "ALTER USER app IDENTIFIED BY 'x'"))[0] == 1396
    await run(session, "DROP USER 'neu'@'10.%'")
    assert find_account(session.db, "neu", "10.0.0.1") is None
    assert (await refusal(session, "DROP USER 'neu'@'10.%'"))[0] == 1396
    await run(session, "DROP USER IF EXISTS 'neu'@'10.%'")


async def test_stored_hashes_and_other_plugins():
    session = session_of()
    stored = native_hash("secret")
    await run(session, f"CREATE USER a IDENTIFIED WITH mysql_native_password AS '{stored}'")
    account = find_account(session.db, "a", "10.0.0.1")
    assert account is not None and account.auth_string == stored
    bad = "CREATE USER b IDENTIFIED WITH mysql_native_password AS 'secret'"
    assert (await refusal(session, bad))[0] == 1372
    other = "CREATE USER b IDENTIFIED WITH authentication_ldap_simple BY 'x'"
    assert await refusal(session, other) == (
        1524,
        "Plugin 'authentication_ldap_simple' is not loaded",
    )
    assert (await refusal(session, f"CREATE USER {'x' * 33}"))[0] == 1470


async def test_passwords_of_oneself_and_of_others():
    session = session_of()
    await run(session, "CREATE USER app")
    app = DescribedSession(session.info, db=session.db, user="app")
    await run(app, "SET PASSWORD = 'mine'")
    await run(app, "ALTER USER CURRENT_USER() IDENTIFIED BY 'mine2'")
    account = find_account(session.db, "app", "10.0.0.1")
    assert account is not None and account.auth_string == native_hash("mine2")
    assert (await refusal(app, "SET PASSWORD FOR admin = 'x'"))[0] == 1227
    assert (await refusal(app, "CREATE USER more"))[0] == 1227
    await run(session, "SET PASSWORD FOR app = ''")
    account = find_account(session.db, "app", "10.0.0.1")
    assert account is not None and account.auth_string == ""


async def test_grants_on_every_level():
    session = session_of()
    await run(session, "CREATE USER app")
    assert grants.statements_for(session.db, ("app", "%")) == ["GRANT USAGE ON *.* TO `app`@`%`"]
    await run(session, "GRANT SELECT, PROCESS ON *.* TO app")
    await run(session, "GRANT ALL PRIVILEGES ON shop.* TO app WITH GRANT OPTION")
    await run(session, "GRANT CREATE, INSERT ON shop.things TO app")
    assert grants.statements_for(session.db, ("app", "%")) == [
        "GRANT SELECT, PROCESS ON *.* TO `app`@`%`",
        "GRANT ALL PRIVILEGES ON `shop`.* TO `app`@`%` WITH GRANT OPTION",
        "GRANT INSERT, CREATE ON `shop`.`things` TO `app`@`%`",
    ]
    assert session.rows(
        "SELECT GRANTEE, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES"
        " WHERE GRANTEE LIKE '''app%'"
    ) == [("'app'@'%'", "SELECT", "NO"), ("'app'@'%'", "PROCESS", "NO")]
    assert session.rows(
        "SELECT count(*), min(IS_GRANTABLE) FROM information_schema.SCHEMA_PRIVILEGES"
    ) == [(18, "YES")]
    await run(session, "REVOKE PROCESS ON *.* FROM app")
    await run(session, "REVOKE ALL ON shop.* FROM app")
    await run(session, "REVOKE INSERT, CREATE ON shop.things FROM app")
    assert grants.statements_for(session.db, ("app", "%")) == [
        "GRANT SELECT ON *.* TO `app`@`%`",
        "GRANT USAGE ON `shop`.* TO `app`@`%` WITH GRANT OPTION",
    ]
    await run(session, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM app")
    assert grants.statements_for(session.db, ("app", "%")) == ["GRANT USAGE ON *.* TO `app`@`%`"]


async def test_refused_grants():
    session = session_of()
    await run(session, "CREATE USER app")
    assert (await refusal(session, "GRANT SELECT ON *.* TO nobody"))[0] == 1410
    assert (await refusal(session, "GRANT SELECT ON shop.nothing TO app"))[0] == 1146
    assert (await refusal(session, "GRANT PROCESS ON shop.* TO app"))[0] == 1221
    assert (await refusal(session, "GRANT FLYING ON *.* TO app"))[0] == 1235
    assert (await refusal(session, "REVOKE SELECT ON shop.* FROM app"))[0] == 1141
    assert (await refusal(session, "REVOKE SELECT ON shop.t FROM app"))[0] == 1147
    app = DescribedSession(session.info, db=session.db, user="app")
    assert (await refusal(app, "GRANT SELECT ON *.* TO app"))[0] == 1227


async def test_dropping_an_account_drops_its_privileges():
    session = session_of()
    await run(session, "CREATE USER app")
    await run(session, "GRANT SELECT ON shop.* TO app")
    await run(session, "DROP USER app")
    await run(session, "CREATE USER app")
    assert grants.statements_for(session.db, ("app", "%")) == ["GRANT USAGE ON *.* TO `app`@`%`"]
