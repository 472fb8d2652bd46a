"""Pure: what a table becomes by the actions of one ALTER TABLE."""

from __future__ import annotations

from typing import Final

from attrs import define, evolve

from engine.errors import error
from engine.sql import charsets
from engine.sql.ddl.columns import check_name, column_def, with_default
from engine.sql.ddl.indexes import add_index, in_key_order, settle_columns
from engine.sql.parse import ddl_nodes as ddl
from engine.sql.schema import ColumnDef, IndexColumn, IndexDef, TableDef

_PRIMARY: Final = "PRIMARY"


@define
class Draft:
    """The new definition under construction, and where each column's values come from."""

    table: TableDef
    columns: list[ColumnDef]
    indexes: list[IndexDef]
    sources: dict[str, ColumnDef | None]
    written_null: set[str]

    @classmethod
    def of(cls, table: TableDef) -> Draft:
        sources: dict[str, ColumnDef | None] = {c.name.lower(): c for c in table.columns}
        return cls(table, list(table.columns), list(table.indexes), sources, set())

    def finished(self) -> TableDef:
        columns = settle_columns(self.columns, self.indexes, self.written_null)
        return evolve(
            self.table, columns=tuple(columns), indexes=in_key_order(columns, self.indexes)
        )

    def apply(self, action: ddl.AlterAction) -> None:
        match action:
            case ddl.AddColumn():
                self._add_column(action)
            case ddl.ChangeColumn():
                self._change_column(action)
            case ddl.DropColumn():
                self._drop_column(action.name)
            case ddl.RenameColumn():
                self._rename_column(action.name, action.new_name)
            case ddl.SetDefault():
                at = self._position(action.name, 1054)
                self.columns[at] = with_default(
                    self.columns[at], action.default, action.default_text
                )
            case ddl.AddIndex():
                self._add_index(action.index)
            case ddl.DropKey():
                self.indexes.remove(self._index(action.name, 1091))
            case ddl.RenameKey():
                self._rename_key(action.name, action.new_name)
            case ddl.ChangeOptions():
                self._options(action.options)

    # columns

    def _position(self, name: str, errno: int = 1091) -> int:
        for at, column in enumerate(self.columns):
            if column.name.lower() == name.lower():
                return at
        if errno == 1054:
            raise error(1054, name, self.table.name)
        raise error(errno, name)

    def _check_new(self, name: str) -> None:
        if any(column.name.lower() == name.lower() for column in self.columns):
            raise error(1060, name)

    def _place(self, column: ColumnDef, at: int, first: bool, after: str | None) -> None:
        if first:
            at = 0
        elif after is not None:
            at = self._position(after, 1054) + 1
        self.columns.insert(at, column)

    def _add_column(self, action: ddl.AddColumn) -> None:
        spec = action.column
        self._check_new(spec.name)
        column = column_def(spec, self.table.collation)
        self._place(column, len(self.columns), action.first, action.after)
        self.sources[column.name.lower()] = None
        self._inline(spec)

    def _inline(self, spec: ddl.ColumnSpec) -> None:
        if spec.nullable is True:
            self.written_null.add(spec.name.lower())
        part = [ddl.IndexPart(spec.name)]
        if spec.primary:
            self._add_index(ddl.IndexSpec(_PRIMARY, None, part))
        if spec.unique:
            self._add_index(ddl.IndexSpec("UNIQUE", None, part))

    def _change_column(self, action: ddl.ChangeColumn) -> None:
        at = self._position(action.name, 1054)
        old = self.columns.pop(at)
        self._check_new(action.column.name)
        column = column_def(action.column, self.table.collation)
        self._place(column, at, action.first, action.after)
        self._move_source(old.name, column.name)
        self._inline(action.column)

    def _move_source(self, old: str, new: str) -> None:
        self.sources[new.lower()] = self.sources.pop(old.lower())
        if old != new:
            self.indexes = [_with_renamed_column(index, old, new) for index in self.indexes]

    def _drop_column(self, name: str) -> None:
        at = self._position(name)
        if len(self.columns) == 1:
            raise error(1090)
        dropped = self.columns.pop(at).name.lower()
        del self.sources[dropped]
        kept = []
        for index in self.indexes:
            parts = tuple(part for part in index.columns if part.name.lower() != dropped)
            if parts:
                kept.append(evolve(index, columns=parts))
        self.indexes = kept

    def _rename_column(self, name: str, new_name: str) -> None:
        check_name(new_name, 1166)
        at = self._position(name, 1054)
        old = self.columns[at]
        if old.name.lower() != new_name.lower():
            self._check_new(new_name)
        self.columns[at] = evolve(old, name=new_name)
        self._move_source(old.name, new_name)

    # indexes and options

    def _index(self, name: str, errno: int) -> IndexDef:
        for index in self.indexes:
            if index.name.lower() == name.lower():
                return index
        raise error(errno, name) if errno == 1091 else error(errno, name, self.table.name)

    def _add_index(self, spec: ddl.IndexSpec) -> None:
        by_name = {column.name.lower(): column for column in self.columns}
        self.indexes.append(add_index(spec, by_name, self.indexes))

    def _rename_key(self, name: str, new_name: str) -> None:
        index = self._index(name, 1176)
        if new_name.lower() == _PRIMARY.lower() or index.kind == _PRIMARY:
            raise error(1280, new_name)
        if any(other.name.lower() == new_name.lower() for other in self.indexes if other != index):
            raise error(1061, new_name)
        self.indexes[self.indexes.index(index)] = evolve(index, name=new_name)

    def _options(self, options: ddl.TableOptions) -> None:
        table = self.table
        if options.charset is not None or options.collation is not None:
            found = charsets.resolve(options.charset, options.collation, table.collation)
            table = evolve(table, charset=found.charset, collation=found.name)
        if options.comment is not None:
            table = evolve(table, comment=options.comment)
        if options.auto_increment is not None:
            table = evolve(table, auto_increment=max(options.auto_increment, 1))
        if options.row_format is not None:
            table = evolve(table, row_format=options.row_format.capitalize())
        self.table = table


def _with_renamed_column(index: IndexDef, old: str, new: str) -> IndexDef:
    parts = tuple(
        IndexColumn(new, part.length, part.descending) if part.name.lower() == old.lower() else part
        for part in index.columns
    )
    return evolve(index, columns=parts)
