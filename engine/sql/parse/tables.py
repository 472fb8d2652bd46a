"""CREATE / ALTER / DROP / RENAME / TRUNCATE of tables, indexes and databases."""

from __future__ import annotations

from engine.errors import SqlError, not_supported
from engine.sql.parse import ast
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.parse.columns import ColumnParser
from engine.sql.parse.keywords import words

# Table options that change nothing a client can see here; read and dropped.
_IDLE_OPTIONS = words(
    """
    AVG_ROW_LENGTH CHECKSUM COMPRESSION CONNECTION DELAY_KEY_WRITE ENCRYPTION INSERT_METHOD
    KEY_BLOCK_SIZE MAX_ROWS MIN_ROWS PACK_KEYS PASSWORD STATS_AUTO_RECALC STATS_PERSISTENT
    STATS_SAMPLE_PAGES AUTOEXTEND_SIZE ENGINE_ATTRIBUTE SECONDARY_ENGINE_ATTRIBUTE
    """
)


class TableParser(ColumnParser):
    """Adds data definition."""

    def create(self) -> ddl.Definition:
        self.expect("CREATE")
        if self.at_any("DATABASE", "SCHEMA"):
            return self._create_database()
        if self.at("TEMPORARY"):
            raise not_supported("CREATE TEMPORARY TABLE")
        if self.take("TABLE"):
            return self._create_table()
        if self.at_any("UNIQUE", "INDEX", "FULLTEXT", "SPATIAL"):
            return self._create_index()
        if self.at("OR", "REPLACE"):
            self.seek(self.position + 2)
        raise self.unsupported_object("CREATE")

    def unsupported_object(self, verb: str) -> SqlError:
        """1235 for the objects MySQL has and we do not yet; 1064 for anything else."""
        ahead = 0
        while ahead < 16 and self.peek(ahead).upper:
            word = self.peek(ahead).upper
            if word in ("VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "ROLE", "SERVER",
                        "TABLESPACE", "LOGFILE", "RESOURCE", "INSTANCE"):  # fmt: skip
                return not_supported(f"{verb} {word}")
            ahead += 1
            while self.peek(ahead).upper == "" and self.peek(ahead - 1).upper in ("=", "@"):
                ahead += 1
        return self.fail()

    def _if_not_exists(self) -> bool:
        return self.take("IF", "NOT", "EXISTS")

    # databases

    def _create_database(self) -> ddl.CreateDatabase:
        self.advance()
        exists = self._if_not_exists()
        node = ddl.CreateDatabase(self.identifier(), exists)
        self._database_options(node)
        return node

    def _database_options(self, node: ddl.CreateDatabase | ddl.AlterDatabase) -> None:
        while True:
            default = self.take("DEFAULT")
            if self.take("CHARACTER", "SET") or self.take("CHARSET"):
                self.take("=")
                node.charset = self.name_or_string().lower()
            elif self.take("COLLATE"):
                self.take("=")
                node.collation = self.name_or_string().lower()
            elif self.take("ENCRYPTION"):
                self.take("=")
                self.string()
            elif default:
                raise self.fail()
            else:
                return

    # CREATE TABLE

    def table_name(self) -> ast.TableRef:
        schema, name = self.qualified_name()
        return ast.TableRef(name, schema, None)

    def _create_table(self) -> ddl.CreateTable:
        exists = self._if_not_exists()
        node = ddl.CreateTable(self.table_name(), exists)
        if self.take("LIKE"):
            node.like = self.table_name()
            return node
        if self.at("(", "LIKE"):
            self.seek(self.position + 2)
            node.like = self.table_name()
            self.expect(")")
            return node
        if self.token.upper == "(" and not self._at_subquery():
            self._table_elements(node)
        self.table_options(node.options)
        if self.at("PARTITION", "BY"):
            raise not_supported("PARTITION BY")
        self.take_any("IGNORE", "REPLACE")
        if self.take("AS") or self.at_query():
            node.query = self.query()
        return node

    def _table_elements(self, node: ddl.CreateTable) -> None:
        self.expect("(")
        while True:
            index = self.index_spec()
            if index is not None:
                node.indexes.append(index)
            else:
                node.columns.append(self.column_spec())
            if not self.take(","):
                break
        self.expect(")")

    def table_options(self, options: ddl.TableOptions) -> bool:
        """Options separated by blanks or commas; whether there was any."""
        found = False
        while self._table_option(options):
            found = True
            if self.token.upper == "," and self._option_follows():
                self.advance()
        return found

    def _option_follows(self) -> bool:
        upper = self.peek().upper
        return upper in _IDLE_OPTIONS or upper in (
            "ENGINE", "DEFAULT", "CHARACTER", "CHARSET", "COLLATE", "COMMENT", "AUTO_INCREMENT",
            "ROW_FORMAT",
        )  # fmt: skip

    def _table_option(self, options: ddl.TableOptions) -> bool:
        if self.at("DEFAULT") and self.peek().upper in ("CHARACTER", "CHARSET", "COLLATE"):
            self.advance()
        upper = self.token.upper
        if self.take("ENGINE"):
            self.take("=")
            options.engine = self.name_or_string()
        elif self.take("CHARACTER", "SET") or self.take("CHARSET"):
            self.take("=")
            options.charset = self.name_or_string().lower()
        elif self.take("COLLATE"):
            self.take("=")
            options.collation = self.name_or_string().lower()
        elif self.take("COMMENT"):
            self.take("=")
            options.comment = self.string()
        elif self.take("AUTO_INCREMENT"):
            self.take("=")
            options.auto_increment = self.integer()
        elif self.take("ROW_FORMAT"):
            self.take("=")
            options.row_format = self.any_word().upper()
        elif upper in _IDLE_OPTIONS:
            self.advance()
            self.take("=")
            self.advance()
        elif upper in ("DATA", "INDEX") and self.peek().upper == "DIRECTORY":
            raise not_supported("DATA DIRECTORY and INDEX DIRECTORY")
        elif upper in ("UNION", "TABLESPACE"):
            raise not_supported(f"table option {upper}")
        else:
            return False
        return True

    def _create_index(self) -> ddl.CreateIndex:
        if self.at_any("FULLTEXT", "SPATIAL"):
            raise not_supported(f"{self.token.upper} indexes")
        kind = "UNIQUE" if self.take("UNIQUE") else "KEY"
        self.expect("INDEX")
        name = self._index_name()
        if name is None:
            raise self.fail()
        self.expect("ON")
        table = self.table_name()
        spec = ddl.IndexSpec(kind, name, self.index_parts())
        self.index_options(spec)
        self._algorithm_and_lock()
        return ddl.CreateIndex(table, spec)

    def _algorithm_and_lock(self) -> None:
        while self.take_any("ALGORITHM", "LOCK"):
            self.take("=")
            self.any_word()

    # DROP, TRUNCATE, RENAME

    def drop(self) -> ddl.Definition:
        self.expect("DROP")
        if self.take_any("DATABASE", "SCHEMA"):
            exists = self.take("IF", "EXISTS")
            return ddl.DropDatabase(self.identifier(), exists)
        if self.take("INDEX"):
            name = self.any_word()
            self.expect("ON")
            table = self.table_name()
            self._algorithm_and_lock()
            return ddl.DropIndex(table, name)
        temporary = self.take("TEMPORARY")
        if self.take_any("TABLE", "TABLES"):
            if temporary:
                raise not_supported("DROP TEMPORARY TABLE")
            exists = self.take("IF", "EXISTS")
            tables = [self.table_name()]
            while self.take(","):
                tables.append(self.table_name())
            self.take_any("RESTRICT", "CASCADE")
            return ddl.DropTable(tables, exists)
        raise self.unsupported_object("DROP")

    def truncate(self) -> ddl.TruncateTable:
        self.expect("TRUNCATE")
        self.take("TABLE")
        return ddl.TruncateTable(self.table_name())

    def rename(self) -> ddl.RenameTable:
        self.expect("RENAME")
        self.expect("TABLE")
        pairs = []
        while True:
            old = self.table_name()
            self.expect("TO")
            pairs.append((old, self.table_name()))
            if not self.take(","):
                return ddl.RenameTable(pairs)

    # ALTER

    def alter(self) -> ddl.Definition:
        self.expect("ALTER")
        if self.take_any("DATABASE", "SCHEMA"):
            name = self.identifier() if self.at_identifier() else None
            node = ddl.AlterDatabase(name)
            self._database_options(node)
            return node
        if not self.take("TABLE"):
            raise self.unsupported_object("ALTER")
        table = ddl.AlterTable(self.table_name(), [])
        while not self.at_end():
            table.actions.extend(self._alter_action())
            if not self.take(","):
                break
        return table

    def _alter_action(self) -> list[ddl.AlterAction]:
        if self.take("ADD"):
            return self._add()
        if self.take_any("MODIFY"):
            self.take("COLUMN")
            spec = self.column_spec()
            return [ddl.ChangeColumn(spec.name, spec, *self._position())]
        if self.take("CHANGE"):
            self.take("COLUMN")
            name = self.identifier()
            spec = self.column_spec()
            return [ddl.ChangeColumn(name, spec, *self._position())]
        if self.take("DROP"):
            return [self._drop_part()]
        if self.take("RENAME"):
            return [self._rename_part()]
        if self.take("ALTER"):
            return [self._alter_column()]
        if self.take_any("DISABLE", "ENABLE"):
            self.expect("KEYS")
            return []
        if self.take_any("ALGORITHM", "LOCK"):
            self.take("=")
            self.any_word()
            return []
        if self.take("FORCE"):
            return []
        if self.at("CONVERT", "TO"):
            self.seek(self.position + 2)
            options = ddl.TableOptions()
            if not self.table_options(options):
                raise self.fail()
            raise not_supported("ALTER TABLE ... CONVERT TO CHARACTER SET")
        options = ddl.TableOptions()
        if self.table_options(options):
            return [ddl.ChangeOptions(options)]
        if self.at_any("PARTITION", "ORDER", "DISCARD", "IMPORT", "COALESCE", "REORGANIZE",
                       "EXCHANGE", "REMOVE", "WITH", "WITHOUT"):  # fmt: skip
            raise not_supported(f"ALTER TABLE ... {self.token.upper}")
        raise self.fail()

    def _position(self) -> tuple[bool, str | None]:
        if self.take("FIRST"):
            return True, None
        if self.take("AFTER"):
            return False, self.identifier()
        return False, None

    def _add(self) -> list[ddl.AlterAction]:
        if not self.at("COLUMN"):
            index = self.index_spec()
            if index is not None:
                return [ddl.AddIndex(index)]
            if self.at("PARTITION"):
                raise not_supported("ALTER TABLE ... ADD PARTITION")
        self.take("COLUMN")
        if self.take("("):
            actions: list[ddl.AlterAction] = []
            while True:
                actions.append(ddl.AddColumn(self.column_spec()))
                if not self.take(","):
                    break
            self.expect(")")
            return actions
        spec = self.column_spec()
        return [ddl.AddColumn(spec, *self._position())]

    def _drop_part(self) -> ddl.AlterAction:
        if self.take("PRIMARY", "KEY"):
            return ddl.DropKey("PRIMARY")
        if self.take_any("INDEX", "KEY"):
            return ddl.DropKey(self.any_word())
        if self.at_any("FOREIGN", "CHECK", "PARTITION"):
            raise not_supported(f"ALTER TABLE ... DROP {self.token.upper}")
        if self.take("CONSTRAINT"):
            return ddl.DropKey(self.any_word())
        self.take("COLUMN")
        name = self.identifier()
        self.take_any("RESTRICT", "CASCADE")
        return ddl.DropColumn(name)

    def _rename_part(self) -> ddl.AlterAction:
        if self.take("COLUMN"):
            name = self.identifier()
            self.expect("TO")
            return ddl.RenameColumn(name, self.identifier())
        if self.take_any("INDEX", "KEY"):
            name = self.identifier()
            self.expect("TO")
            return ddl.RenameKey(name, self.identifier())
        self.take_any("TO", "AS", "=")
        return ddl.RenameTo(self.table_name())

    def _alter_column(self) -> ddl.AlterAction:
        if self.at_any("INDEX", "CHECK", "CONSTRAINT"):
            raise not_supported(f"ALTER TABLE ... ALTER {self.token.upper}")
        self.take("COLUMN")
        name = self.identifier()
        if self.take("DROP", "DEFAULT"):
            return ddl.SetDefault(name, None)
        self.expect("SET")
        if self.at_any("VISIBLE", "INVISIBLE"):
            raise not_supported("INVISIBLE columns")
        self.expect("DEFAULT")
        value, text = self.default_value()
        return ddl.SetDefault(name, value, text)
