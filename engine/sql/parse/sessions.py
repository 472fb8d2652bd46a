"""Transactions, SET, USE, KILL and other session statements."""

from __future__ import annotations

from typing import Final

from engine.errors import not_supported
from engine.sql.parse import admin_nodes as admin
from engine.sql.parse import ast
from engine.sql.parse.lexer import STRING, WORD
from engine.sql.parse.tables import TableParser

_SCOPES: Final = frozenset(["GLOBAL", "SESSION", "LOCAL", "PERSIST", "PERSIST_ONLY"])


class SessionParser(TableParser):
    """Adds statements about the session and its transactions."""

    # transactions

    def begin(self) -> admin.Begin:
        if self.take("BEGIN"):
            self.take("WORK")
            return admin.Begin()
        self.expect("START", "TRANSACTION")
        node = admin.Begin()
        while True:
            if self.take("WITH", "CONSISTENT", "SNAPSHOT"):
                node.consistent_snapshot = True
            elif self.take("READ", "ONLY"):
                node.read_only = True
            elif not self.take("READ", "WRITE"):
                return node
            if not self.take(","):
                return node

    def commit(self) -> admin.Commit:
        self.expect("COMMIT")
        chain, release = self._completion()
        return admin.Commit(chain, release)

    def _completion(self) -> tuple[bool, bool]:
        self.take("WORK")
        chain = self.take("AND", "CHAIN")
        if not chain:
            self.take("AND", "NO", "CHAIN")
        release = self.take("RELEASE")
        if not release:
            self.take("NO", "RELEASE")
        return chain, release

    def rollback(self) -> admin.Rollback | admin.RollbackTo:
        self.expect("ROLLBACK")
        chain, release = self._completion()
        if self.take("TO"):
            self.take("SAVEPOINT")
            return admin.RollbackTo(self.identifier())
        return admin.Rollback(chain, release)

    def savepoint(self) -> admin.Savepoint:
        self.expect("SAVEPOINT")
        return admin.Savepoint(self.identifier())

    def release(self) -> admin.ReleaseSavepoint:
        self.expect("RELEASE", "SAVEPOINT")
        return admin.ReleaseSavepoint(self.identifier())

    # SET

    def set(self) -> admin.Set:
        self.expect("SET")
        if self.at("PASSWORD"):
            return admin.Set([self._set_password()])
        if self.at_any("ROLE") or self.at("DEFAULT", "ROLE") or self.at("RESOURCE", "GROUP"):
            raise not_supported(f"SET {self.token.upper}")
        node = admin.Set([])
        while True:
            node.items.append(self._set_item())
            if not self.take(","):
                return node

    def _set_item(self) -> admin.SetItem:
        if self.token.upper == "@":
            name = self.user_variable_name()
            self._equals()
            return admin.SetUserVariable(name, self.expression())
        if self.take("NAMES"):
            return self._set_names()
        if self.take("CHARACTER", "SET") or self.take("CHARSET"):
            default = self.take("DEFAULT")
            return admin.SetCharacterSet(None if default else self.name_or_string().lower())
        if self.token.upper == "@@":
            scope, name = self.system_variable_name()
            return self._set_system(scope, name)
        scope = ""
        if self.token.upper in _SCOPES and self.peek().kind == WORD:
            scope = self.advance().text.lower()
            scope = "session" if scope == "local" else scope
        if self.take("TRANSACTION"):
            return self._set_transaction(scope)
        name = self.any_word()
        while self.take("."):
            name += "." + self.any_word()
        return self._set_system(scope, name.lower())

    def _equals(self) -> None:
        if not self.take(":="):
            self.expect("=")

    def _set_system(self, scope: str, name: str) -> admin.SetVariable:
        self._equals()
        return admin.SetVariable(name, scope, self._system_value())

    def _system_value(self) -> ast.Expr | None:
        if self.at("DEFAULT") and (self.peek().upper in (",", ";") or not self.peek().text):
            self.advance()
            return None
        following = self.peek()
        alone = following.upper in (",", ";") or following.text == ""
        constant = self.token.upper in ("NULL", "TRUE", "FALSE") or self.token.text.isdigit()
        if alone and self.token.kind == WORD and not constant:
            return ast.Literal(self.advance().text, "string")
        if self.at("READ") and self.peek().upper == "ONLY":
            self.seek(self.position + 2)
            return ast.Literal("READ ONLY", "string")
        return self.expression()

    def _set_names(self) -> admin.SetNames:
        if self.take("DEFAULT"):
            return admin.SetNames(None)
        charset = self.name_or_string().lower()
        collation = self.name_or_string().lower() if self.take("COLLATE") else None
        return admin.SetNames(charset, collation)

    def _set_transaction(self, scope: str) -> admin.SetTransaction:
        node = admin.SetTransaction(scope, None, None)
        while True:
            if self.take("ISOLATION", "LEVEL"):
                node.isolation = self._isolation()
            elif self.take("READ", "ONLY"):
                node.read_only = True
            elif self.take("READ", "WRITE"):
                node.read_only = False
            else:
                raise self.fail()
            if not (self.token.upper == "," and self.peek().upper in ("ISOLATION", "READ")):
                return node
            self.advance()

    def _isolation(self) -> str:
        if self.take("SERIALIZABLE"):
            return "SERIALIZABLE"
        for first, second in (("REPEATABLE", "READ"), ("READ", "COMMITTED"),
                              ("READ", "UNCOMMITTED")):  # fmt: skip
            if self.take(first, second):
                return f"{first}-{second}"
        raise self.fail()

    def _set_password(self) -> admin.SetPassword:
        self.expect("PASSWORD")
        user = host = None
        if self.take("FOR"):
            user, host = self.account_name()
        self._equals()
        if self.take("PASSWORD"):
            raise self.fail(self.tokens[self.position - 1])
        return admin.SetPassword(user, host, self.string())

    def account_name(self) -> tuple[str, str]:
        """user[@host]; host defaults to %."""
        if self.take("CURRENT_USER"):
            if self.take("("):
                self.expect(")")
            return "", ""
        user = self.name_or_string()
        if self.token.upper == "@":
            self.advance()
            host = self.name_or_string()
            while self.token.upper in (".", "%"):
                host += self.advance().text
                if self.token.kind == WORD or self.token.text.isdigit():
                    host += self.advance().text
            return user, host.lower()
        return user, "%"

    # others

    def use(self) -> admin.Use:
        self.expect("USE")
        return admin.Use(self.identifier())

    def kill(self) -> admin.Kill:
        self.expect("KILL")
        word = self.take_any("QUERY", "CONNECTION")
        return admin.Kill(word == "QUERY", self.expression())

    def do(self) -> admin.Do:
        self.expect("DO")
        return admin.Do(self.expression_list())

    def flush(self) -> admin.Flush:
        self.expect("FLUSH")
        self.take_any("NO_WRITE_TO_BINLOG", "LOCAL")
        words = []
        while not self.at_end():
            words.append(self.advance().text.upper())
        if not words:
            raise self.fail()
        text = " ".join(words)
        return admin.Flush(tuple(words), "WITH READ LOCK" in text or "FOR EXPORT" in text)

    def lock_tables(self) -> admin.LockTables:
        self.expect("LOCK")
        if self.at("INSTANCE"):
            raise not_supported("LOCK INSTANCE FOR BACKUP")
        if not self.take_any("TABLES", "TABLE"):
            raise self.fail()
        tables = []
        while True:
            schema, name = self.qualified_name()
            alias = None
            if self.take("AS") or not self.at_any("READ", "WRITE", "LOW_PRIORITY"):
                alias = self.identifier()
            self.take("LOW_PRIORITY")
            word = self.take_any("READ", "WRITE")
            if word is None:
                raise self.fail()
            self.take("LOCAL")
            tables.append((ast.TableRef(name, schema, alias), word == "WRITE"))
            if not self.take(","):
                return admin.LockTables(tables)

    def unlock(self) -> admin.UnlockTables:
        self.expect("UNLOCK")
        if not self.take_any("TABLES", "TABLE"):
            raise not_supported("UNLOCK INSTANCE")
        return admin.UnlockTables()

    def maintain(self) -> admin.Maintain:
        operation = self.advance().upper
        self.take_any("NO_WRITE_TO_BINLOG", "LOCAL")
        if not self.take_any("TABLE", "TABLES"):
            raise self.fail()
        tables = [self.table_name()]
        while self.take(","):
            tables.append(self.table_name())
        while not self.at_end():  # FOR UPGRADE, QUICK, EXTENDED, ...
            if self.at("UPDATE", "HISTOGRAM") or self.at("DROP", "HISTOGRAM"):
                raise not_supported("histograms")
            self.advance()
        return admin.Maintain(operation.lower(), tables)

    # accounts

    def create_user(self) -> admin.CreateUser:
        self.expect("CREATE", "USER")
        exists = self.take("IF", "NOT", "EXISTS")
        return admin.CreateUser(self._account_specs(), exists)

    def alter_user(self) -> admin.AlterUser:
        self.expect("ALTER", "USER")
        exists = self.take("IF", "EXISTS")
        return admin.AlterUser(self._account_specs(), exists)

    def drop_user(self) -> admin.DropUser:
        self.expect("DROP", "USER")
        exists = self.take("IF", "EXISTS")
        return admin.DropUser(self._accounts(), exists)

    def rename_user(self) -> admin.RenameUser:
        self.expect("RENAME", "USER")
        node = admin.RenameUser()
        while True:
            old = admin.AccountSpec(*self.account_name())
            self.expect("TO")
            node.pairs.append((old, admin.AccountSpec(*self.account_name())))
            if not self.take(","):
                return node

    def _accounts(self) -> list[admin.AccountSpec]:
        accounts = [admin.AccountSpec(*self.account_name())]
        while self.take(","):
            accounts.append(admin.AccountSpec(*self.account_name()))
        return accounts

    def _account_specs(self) -> list[admin.AccountSpec]:
        specs = [self._account_spec()]
        while self.take(","):
            specs.append(self._account_spec())
        self._account_options()
        return specs

    def _account_spec(self) -> admin.AccountSpec:
        spec = admin.AccountSpec(*self.account_name())
        if not self.take("IDENTIFIED"):
            return spec
        if self.take("WITH"):
            spec.plugin = self.name_or_string().lower()
            if self.take("AS"):
                spec.auth_string = self.string()
                return spec
            if not self.take("BY"):
                return spec
        else:
            self.expect("BY")
        if self.at("RANDOM"):
            raise not_supported("IDENTIFIED BY RANDOM PASSWORD")
        spec.password = self.string()
        return spec

    def _account_options(self) -> None:
        if self.at_end():
            return
        if self.at_any("REQUIRE", "WITH", "PASSWORD", "ACCOUNT", "COMMENT", "ATTRIBUTE", "DEFAULT",
                       "FAILED_LOGIN_ATTEMPTS"):  # fmt: skip
            if self.at("REQUIRE", "NONE"):
                self.seek(self.position + 2)
                return
            raise not_supported(f"account option {self.token.upper}")
        raise self.fail()

    def grant(self) -> admin.Grant:
        self.expect("GRANT")
        privileges = self._privileges("TO")
        if not self.take("ON"):
            raise not_supported("roles")
        schema, table = self._grant_level()
        self.expect("TO")
        node = admin.Grant(privileges, schema, table, self._accounts())
        if self.take("WITH", "GRANT", "OPTION"):
            node.grant_option = True
        if self.at("IDENTIFIED"):
            raise self.fail()
        return node

    def revoke(self) -> admin.Revoke:
        self.expect("REVOKE")
        self.take("IF", "EXISTS")
        privileges = self._privileges("FROM")
        if privileges == ("ALL", "GRANT OPTION") and self.token.upper == "FROM":
            schema, table = "*", "*"
        elif self.take("ON"):
            schema, table = self._grant_level()
        else:
            raise not_supported("roles")
        self.expect("FROM")
        return admin.Revoke(privileges, schema, table, self._accounts())

    def _privileges(self, end: str) -> tuple[str, ...]:
        names: list[str] = []
        words: list[str] = []
        while not self.at_any("ON", end):
            if self.at_end():
                raise self.fail()
            if self.token.upper == "(":
                raise not_supported("column privileges")
            if self.take(","):
                names.append(" ".join(words))
                words = []
            elif self.token.kind == STRING:
                raise not_supported("roles")
            else:
                words.append(self.advance().text.upper())
        names.append(" ".join(words))
        return tuple("ALL" if name == "ALL PRIVILEGES" else name for name in names)

    def _grant_level(self) -> tuple[str, str]:
        if self.at_any("FUNCTION", "PROCEDURE"):
            raise not_supported("privileges on stored routines")
        self.take("TABLE")
        if self.take("*"):
            if self.take("."):
                self.expect("*")
                return "*", "*"
            return "", "*"
        first = self.identifier()
        if self.take("."):
            if self.take("*"):
                return first, "*"
            return first, self.any_word()
        return "", first
