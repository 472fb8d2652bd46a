"""Information functions, user variables and locks: what depends on the session."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, Final

from engine.errors import error
from engine.sql import types, values
from engine.sql.compile import forms
from engine.sql.compile.code import Code, FromSession
from engine.sql.compile.context import Context
from engine.sql.compile.literals import session_value
from engine.sql.compile.scope import Scope
from engine.sql.functions.define import arguments, define
from engine.sql.functions.registry import Builder, builder, python_function
from engine.sql.parse import ast
from engine.sql.types import SqlType


def _supplied(read: Callable[[Any], Any], kind: SqlType, *, nullable: bool = False) -> Builder:
    """A function without arguments whose value the session knows."""
    source = FromSession(read)

    def build(cx: Context, scope: Scope, node: ast.Func) -> Code:
        if node.args:
            raise error(1582, node.name)
        return session_value(cx, source, kind, nullable=nullable)

    return build


_UTF8MB3: Final = "utf8mb3_general_ci"
_SUPPLIED: Final[tuple[tuple[str, Callable[[Any], Any], SqlType, bool], ...]] = (
    ("VERSION", lambda s: s.variables.read("version", ""), types.varchar(16, _UTF8MB3), False),
    ("DATABASE", lambda s: s.database, types.varchar(64, _UTF8MB3), True),
    ("SCHEMA", lambda s: s.database, types.varchar(64, _UTF8MB3), True),
    ("USER", lambda s: f"{s.user}@{s.client_host}", types.varchar(288, _UTF8MB3), False),
    ("SESSION_USER", lambda s: f"{s.user}@{s.client_host}", types.varchar(288, _UTF8MB3), False),
    ("SYSTEM_USER", lambda s: f"{s.user}@{s.client_host}", types.varchar(288, _UTF8MB3), False),
    ("CURRENT_USER", lambda s: s.account, types.varchar(288, _UTF8MB3), False),
    ("CURRENT_ROLE", lambda s: "NONE", types.varchar(288, _UTF8MB3), False),
    ("CONNECTION_ID", lambda s: s.connection_id, types.SqlType("bigint", 21, unsigned=True), False),
    ("ROW_COUNT", lambda s: s.row_count, types.BIGINT, False),
    ("FOUND_ROWS", lambda s: s.found_rows, types.BIGINT, False),
    ("AURORA_VERSION", lambda s: s.variables.read("aurora_version", ""), types.varchar(16), False),
    ("ICU_VERSION", lambda s: "73.1", types.varchar(5), False),
)  # fmt: skip
for _name, _read, _kind, _nullable in _SUPPLIED:
    builder(_name)(_supplied(_read, _kind, nullable=_nullable))


@builder("LAST_INSERT_ID")
def _last_insert_id(cx: Context, scope: Scope, node: ast.Func) -> Code:
    codes = arguments(cx, scope, node, 0, 1)
    kind = types.SqlType("bigint", 21, unsigned=True)
    if not codes:
        return session_value(cx, FromSession(lambda s: s.last_insert_id), kind, nullable=False)
    number = forms.to_integer(cx, codes[0])
    return Code(kind, number.nullable, sql=f"{cx.use('m_set_last_insert_id')}({number.sql})")


def _set_last_insert_id(session: Any, number: Any) -> Any:
    session.last_insert_id = int(number)
    session.explicit_insert_id = int(number)
    return number


python_function("m_set_last_insert_id", _set_last_insert_id, takes_session=True,
                deterministic=False)  # fmt: skip


def _set_variable(session: Any, name: str, value: Any, family: str) -> Any:
    session.set_user_variable(name, value, family)
    return value


python_function("m_set_variable", _set_variable, takes_session=True, deterministic=False,
                skip_null=False)  # fmt: skip
python_function("m_get_variable", lambda session, name: session.user_variable(name),
                takes_session=True, deterministic=False)  # fmt: skip


# waiting and ids


def _sleep(session: Any, seconds: float) -> int:
    if seconds < 0:
        raise error(1210, "sleep")
    return 1 if session.sleep(seconds) else 0


define("SLEEP", "d", types.INT, _sleep, session=True, deterministic=False, nullable=False)
define("UUID", "", types.varchar(36, _UTF8MB3), lambda s: str(s.info.rng.uuid()), session=True,
       deterministic=False, nullable=False)  # fmt: skip
define("UUID_SHORT", "", types.UNSIGNED_BIGINT, lambda s: s.info.rng.randrange(1 << 56),
       session=True, deterministic=False, nullable=False)  # fmt: skip


def _uuid_to_bin(text: str, swap: int = 0) -> bytes:
    digits = text.replace("-", "").strip("{}")
    if len(digits) != 32:
        raise error(1411, "string", text, "uuid_to_bin")
    if swap:
        digits = digits[12:16] + digits[8:12] + digits[:8] + digits[16:]
    return bytes.fromhex(digits)


def _bin_to_uuid(raw: Any, swap: int = 0) -> str:
    digits = values.as_bytes(raw).hex()
    if len(digits) != 32:
        raise error(1411, "string", digits, "bin_to_uuid")
    if swap:
        digits = digits[8:16] + digits[4:8] + digits[:4] + digits[16:]
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _is_uuid(text: str) -> int:
    digits = text.replace("-", "").strip("{}")
    return int(len(digits) == 32 and all(char in "0123456789abcdefABCDEF" for char in digits))


define("UUID_TO_BIN", "ti", types.varbinary(16), _uuid_to_bin, optional=1)
define("BIN_TO_UUID", "bi", types.varchar(36), _bin_to_uuid, optional=1)
define("IS_UUID", "t", types.BIGINT, _is_uuid)


# addresses


def _inet_aton(text: str) -> int | None:
    try:
        return int(ipaddress.IPv4Address(text))
    except ValueError:
        return None


def _inet_ntoa(number: int) -> str | None:
    return str(ipaddress.IPv4Address(number)) if 0 <= number < 1 << 32 else None


def _inet6_aton(text: str) -> bytes | None:
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        return None


def _inet6_ntoa(raw: Any) -> str | None:
    try:
        return str(ipaddress.ip_address(values.as_bytes(raw)))
    except ValueError:
        return None


define("INET_ATON", "t", types.BIGINT, _inet_aton, nullable=True)
define("INET_NTOA", "i", types.varchar(15), _inet_ntoa, nullable=True)
define("INET6_ATON", "t", types.varbinary(16), _inet6_aton, nullable=True)
define("INET6_NTOA", "b", types.varchar(39), _inet6_ntoa, nullable=True)
define("IS_IPV4", "t", types.BIGINT, lambda text: int(_inet_aton(text) is not None))
define("IS_IPV6", "t", types.BIGINT, lambda text: int(len(_inet6_aton(text) or b"") == 16))


# user-level locks


define("GET_LOCK", "td", types.BIGINT, lambda s, name, wait: s.get_lock(name, wait),
       session=True, deterministic=False, nullable=True)  # fmt: skip
define("RELEASE_LOCK", "t", types.BIGINT, lambda s, name: s.release_lock(name),
       session=True, deterministic=False, nullable=True)  # fmt: skip
define("RELEASE_ALL_LOCKS", "", types.BIGINT, lambda s: s.release_all_locks(),
       session=True, deterministic=False, nullable=False)  # fmt: skip
define("IS_FREE_LOCK", "t", types.BIGINT, lambda s, name: int(s.lock_owner(name) is None),
       session=True, deterministic=False)  # fmt: skip
define("IS_USED_LOCK", "t", types.BIGINT, lambda s, name: s.lock_owner(name),
       session=True, deterministic=False, nullable=True)  # fmt: skip
