"""Pure: the values of system variables: one set per instance, one per session.

A session starts with a copy of the global values. `SET GLOBAL` changes what later sessions start
with. Values that the instance or the last statement determines are read when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from weakref import WeakKeyDictionary

from engine.errors import error, unknown_variable
from engine.info import InstanceInfo
from engine.sql import collations
from engine.sql.like import matcher
from engine.sql.types import DEFAULT_CHARSET, DEFAULT_COLLATION, SqlType
from engine.sql.variables.descriptor import (
    DEFAULT,
    Default,
    Descriptor,
    Effect,
    Given,
    Scope,
    Value,
)
from engine.sql.variables.table_server import FACTS, IDENTITY, SETTINGS
from engine.sql.variables.table_session import (
    BEHAVIOUR,
    LIMITS,
    NO_LIMIT,
    PSEUDO,
    TEXT_AND_TIME,
)

DESCRIPTORS: Final[dict[str, Descriptor]] = {
    each.name: each
    for each in sorted(
        (*BEHAVIOUR, *TEXT_AND_TIME, *LIMITS, *PSEUDO, *IDENTITY, *SETTINGS, *FACTS),
        key=lambda each: each.name,
    )
}
_ALIASES: Final = {"identity": "last_insert_id"}
# A character set and the collation that goes with it change together.
_COLLATION_OF: Final = {
    "character_set_connection": "collation_connection",
    "character_set_database": "collation_database",
    "character_set_server": "collation_server",
}
_CHARSET_OF: Final = {collation: charset for charset, collation in _COLLATION_OF.items()}


def describe(name: str) -> Descriptor:
    found = DESCRIPTORS.get(name.lower())
    if found is None:
        raise unknown_variable(name)
    return found


class GlobalVariables:
    """The global values of one instance."""

    def __init__(self, info: InstanceInfo) -> None:
        self.info = info
        self.values: dict[str, Value] = {
            name: each.default for name, each in DESCRIPTORS.items() if each.scope != Scope.SESSION
        }

    @staticmethod
    def of(info: InstanceInfo) -> GlobalVariables:
        """The instance's one set."""
        found = _INSTANCES.get(info)
        if found is None:
            found = _INSTANCES[info] = GlobalVariables(info)
        return found

    def get(self, descriptor: Descriptor) -> Value:
        if descriptor.live is not None:
            return descriptor.live(self.info)
        return self.values[descriptor.name]


_INSTANCES: Final[WeakKeyDictionary[InstanceInfo, GlobalVariables]] = WeakKeyDictionary()


def _nothing() -> None:
    return None


class Values:
    """A session's own values and the rules for reading and changing them."""

    def __init__(self, info: InstanceInfo, on_change: Callable[[], None] = _nothing) -> None:
        self.server = GlobalVariables.of(info)
        self.on_change = on_change
        self.values: dict[str, Value] = {}
        self.version = 0
        self.reset()

    def reset(self) -> None:
        """As after logging in."""
        server = self.server.values
        self.values = {
            name: server.get(name, each.default)
            for name, each in DESCRIPTORS.items()
            if each.scope != Scope.GLOBAL
        }
        self.values["character_set_database"] = DEFAULT_CHARSET
        self.values["collation_database"] = DEFAULT_COLLATION
        self._changed()

    def _changed(self) -> None:
        """Called after every change of a value of this session."""
        self.version += 1
        self.on_change()

    def sql_type(self, name: str, scope: str = "") -> SqlType:
        return self._in_scope(name, scope).kind.type

    def _in_scope(self, name: str, scope: str) -> Descriptor:
        descriptor = describe(name)
        if descriptor.scope is Scope.SESSION and scope == "global":
            raise error(1238, descriptor.name, "SESSION")
        if descriptor.scope is Scope.GLOBAL and scope == "session":
            raise error(1238, descriptor.name, "GLOBAL")
        return descriptor

    def read(self, name: str, scope: str = "") -> Value:
        descriptor = self._in_scope(name, scope)
        if descriptor.scope is Scope.GLOBAL or scope == "global":
            return self.server.get(descriptor)
        return self._own(descriptor)

    def _own(self, descriptor: Descriptor) -> Value:
        return self.values[_ALIASES.get(descriptor.name, descriptor.name)]

    def assign(self, name: str, scope: str, value: Given | Default) -> Effect:
        """SET; says what else the session has to do, nothing for SET GLOBAL."""
        descriptor = describe(name)
        if not descriptor.writable:
            raise error(1238, descriptor.name, "read only")
        if scope == "persist" or scope == "persist_only":
            raise error(1238, descriptor.name, "non persistent")
        if scope == "global":
            if descriptor.scope is Scope.SESSION:
                raise error(1228, descriptor.name)
            self._assign_global(descriptor, value)
            return ""
        if descriptor.scope is Scope.GLOBAL:
            raise error(1229, descriptor.name)
        return self._assign_own(descriptor, value)

    def _assign_global(self, descriptor: Descriptor, value: Given | Default) -> None:
        kept = descriptor.default if value is DEFAULT else self._checked(descriptor, value)
        _store(self.server.values, descriptor.name, kept)

    def _assign_own(self, descriptor: Descriptor, value: Given | Default) -> Effect:
        name = descriptor.name
        if value is DEFAULT:
            if not descriptor.has_default:
                raise error(1230, name)
            kept = self.server.values.get(name, descriptor.default)
        else:
            kept = self._checked(descriptor, value)
        _store(self.values, _ALIASES.get(name, name), kept)
        self._changed()
        return descriptor.effect

    def _checked(self, descriptor: Descriptor, value: Given | Default) -> Value:
        assert not isinstance(value, Default)
        kept = descriptor.kind.check(descriptor.name, value)
        if descriptor.name == "optimizer_switch":
            before = str(self.values["optimizer_switch"])
            return _merged_switches(before, str(kept), str(descriptor.default))
        return kept

    def rows(self, scope: str, like: str | None = None) -> list[tuple[str, str]]:
        """SHOW [GLOBAL | SESSION] VARIABLES."""
        return list(self._rows(scope, like))

    def _rows(self, scope: str, like: str | None) -> Iterator[tuple[str, str]]:
        wanted = matcher(like)
        for name, each in DESCRIPTORS.items():
            if not wanted(name):
                continue
            if scope == "global" or each.scope is Scope.GLOBAL:
                if each.scope is not Scope.SESSION:
                    yield name, each.shown(self.server.get(each))
            else:
                yield name, each.shown(self._own(each))


def _store(values: dict[str, Value], name: str, value: Value) -> None:
    values[name] = value
    if name in _COLLATION_OF:
        charset = collations.find_charset(str(value))
        assert charset is not None
        values[_COLLATION_OF[name]] = charset.default_collation
    elif name in _CHARSET_OF:
        collation = collations.find_collation(str(value))
        assert collation is not None
        values[_CHARSET_OF[name]] = collation.charset


def _merged_switches(before: str, changes: str, default: str) -> str:
    defaults = dict(part.split("=") for part in default.split(","))
    merged = dict(part.split("=") for part in before.split(","))
    for part in filter(None, changes.split(",")):
        word, _, state = (piece.strip() for piece in part.partition("="))
        if word.lower() == "default":
            merged = dict(defaults)
        else:
            merged[word] = defaults[word] if state == "default" else state
    return ",".join(f"{word}={state}" for word, state in merged.items())


class SessionVariables(Values):
    """A session's variables, with those the engine consults as plain attributes.

    The attributes are settled when a value changes, not when it is read: every statement reads
    them, few change them.
    """

    autocommit: bool
    sql_mode: frozenset[str]
    backslash_escapes: bool
    ansi_quotes: bool
    pipes_as_concat: bool
    strict: bool
    full_group_by: bool
    no_auto_value_on_zero: bool
    foreign_key_checks: bool
    unique_checks: bool
    sql_notes: bool
    safe_updates: bool
    lock_wait: float  # seconds
    time_zone: str
    transaction_isolation: str
    transaction_read_only: bool
    character_set_client: str
    character_set_connection: str
    character_set_results: str | None
    collation_connection: str
    sql_select_limit: int | None
    group_concat_max_len: int
    max_execution_time: int  # milliseconds, 0 for no limit
    timestamp: float | None  # what NOW() is to show
    insert_id: int  # for the next INSERT; 0: none

    def __init__(self, info: InstanceInfo, on_change: Callable[[], None] = _nothing) -> None:
        self.next_isolation: str | None = None  # of the next transaction only
        self.next_read_only: bool | None = None
        self.warning_count = 0
        self.error_count = 0
        self.connection_id = 0
        super().__init__(info, on_change)

    def reset(self) -> None:
        self.transaction_ended()
        self.warning_count = self.error_count = 0
        super().reset()

    def transaction_ended(self) -> None:
        """What SET TRANSACTION said about one transaction is used up."""
        self.next_isolation = self.next_read_only = None

    @property
    def last_insert_id(self) -> int:
        return int(self.values["last_insert_id"] or 0)

    @last_insert_id.setter
    def last_insert_id(self, value: int) -> None:
        self.values["last_insert_id"] = value

    def use_insert_id(self) -> int:
        """The id SET insert_id asked for, once."""
        found, self.insert_id = self.insert_id, 0
        self.values["insert_id"] = 0
        return found

    def _own(self, descriptor: Descriptor) -> Value:
        name = descriptor.name
        if name in ("warning_count", "error_count"):
            return int(getattr(self, name))
        if name == "pseudo_thread_id":
            return self.values[name] or self.connection_id
        if name == "timestamp" and self.timestamp is None:
            return self.server.info.clock.wall()
        return super()._own(descriptor)

    def _changed(self) -> None:
        self._settle()
        super()._changed()

    def _settle(self) -> None:
        values = self.values
        modes = frozenset(str(values["sql_mode"]).split(",")) - {""}
        self.sql_mode = modes
        self.backslash_escapes = "NO_BACKSLASH_ESCAPES" not in modes
        self.ansi_quotes = "ANSI_QUOTES" in modes
        self.pipes_as_concat = "PIPES_AS_CONCAT" in modes
        self.strict = not modes.isdisjoint(("STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"))
        self.full_group_by = "ONLY_FULL_GROUP_BY" in modes
        self.no_auto_value_on_zero = "NO_AUTO_VALUE_ON_ZERO" in modes
        self.autocommit = bool(values["autocommit"])
        self.foreign_key_checks = bool(values["foreign_key_checks"])
        self.unique_checks = bool(values["unique_checks"])
        self.sql_notes = bool(values["sql_notes"])
        self.safe_updates = bool(values["sql_safe_updates"])
        self.lock_wait = float(values["innodb_lock_wait_timeout"] or 0)
        self.time_zone = str(values["time_zone"])
        self.transaction_isolation = str(values["transaction_isolation"])
        self.transaction_read_only = bool(values["transaction_read_only"])
        self.character_set_client = str(values["character_set_client"])
        self.character_set_connection = str(values["character_set_connection"])
        results = values["character_set_results"]
        self.character_set_results = None if results is None else str(results)
        self.collation_connection = str(values["collation_connection"])
        limit = values["sql_select_limit"]
        self.sql_select_limit = None if limit == NO_LIMIT else int(limit or 0)
        self.group_concat_max_len = int(values["group_concat_max_len"] or 0)
        self.max_execution_time = int(values["max_execution_time"] or 0)
        self.timestamp = float(values["timestamp"] or 0) or None
        self.insert_id = int(values["insert_id"] or 0)

    # SET NAMES and its relatives

    def set_names(self, charset: str | None, collation: str | None = None) -> Effect:
        """SET NAMES; DEFAULT (None) means the server's own."""
        found = self._charset(charset)
        chosen = found.default_collation
        if collation is not None:
            known = collations.find_collation(collation)
            if known is None:
                raise error(1273, collation)
            if known.charset != found.name:
                raise error(1253, collation, found.name)
            chosen = known.name
        describe("character_set_client").kind.check("character_set_client", found.name)
        self.values["character_set_client"] = found.name
        self.values["character_set_results"] = found.name
        _store(self.values, "collation_connection", chosen)
        self._changed()
        return "charset"

    def set_character_set(self, charset: str | None) -> Effect:
        """SET CHARACTER SET: like NAMES, but the connection takes the database's."""
        found = self._charset(charset)
        describe("character_set_client").kind.check("character_set_client", found.name)
        self.values["character_set_client"] = found.name
        self.values["character_set_results"] = found.name
        _store(self.values, "collation_connection", self.values["collation_database"])
        self._changed()
        return "charset"

    def _charset(self, name: str | None) -> collations.CharacterSet:
        wanted = DEFAULT_CHARSET if name is None else name
        found = collations.find_charset(wanted)
        if found is None:
            raise error(1115, wanted)
        return found

    def use_collation(self, number: int) -> None:
        """The collation a client named by its id when it connected; unknown ones are ignored."""
        found = collations.by_id(number)
        if found is not None and found.charset not in ("ucs2", "utf16", "utf16le", "utf32"):
            self.set_names(found.charset, found.name)

    def use_database(self, charset: str, collation: str) -> None:
        """The default database changed."""
        self.values["character_set_database"] = charset
        self.values["collation_database"] = collation

    def set_transaction(self, scope: str, isolation: str | None, read_only: bool | None) -> Effect:
        """SET [SESSION | GLOBAL] TRANSACTION; without a scope it is about the next one only."""
        if scope == "":
            self.next_isolation = isolation or self.next_isolation
            self.next_read_only = self.next_read_only if read_only is None else read_only
            return "isolation"
        effect = ""
        if isolation is not None:
            effect = self.assign("transaction_isolation", scope, isolation)
        if read_only is not None:
            effect = self.assign("transaction_read_only", scope, read_only) or effect
        return effect
