"""Pure: SHOW statements that are queries of information_schema in other words.

Each is a SELECT whose column names are those of the statement's result; LIKE restricts one of
them, WHERE sees them all. `{}` in a name stands for the schema and the pattern shown.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class ShowQuery:
    """`columns`: expression and shown name; `like`: the expression that LIKE is about."""

    source: str
    columns: tuple[tuple[str, str], ...]
    like: str = ""
    condition: str = ""  # {schema} and {table} are quoted values
    order: str = ""


def _same(*names: str) -> tuple[tuple[str, str], ...]:
    """Columns that are called the same, apart from capitals and underscores."""
    return tuple((name.upper(), name) for name in names)


_VARIABLES: Final = (("VARIABLE_NAME", "Variable_name"), ("VARIABLE_VALUE", "Value"))
_ROUTINES: Final = (
    ("ROUTINE_SCHEMA", "Db"), ("ROUTINE_NAME", "Name"), ("ROUTINE_TYPE", "Type"),
    ("DEFINER", "Definer"), ("LAST_ALTERED", "Modified"), ("CREATED", "Created"),
    ("SECURITY_TYPE", "Security_type"), ("ROUTINE_COMMENT", "Comment"),
    ("CHARACTER_SET_CLIENT", "character_set_client"),
    ("COLLATION_CONNECTION", "collation_connection"), ("DATABASE_COLLATION", "Database Collation"),
)  # fmt: skip

QUERIES: Final[dict[str, ShowQuery]] = {
    "CHARACTER SET": ShowQuery(
        "information_schema.CHARACTER_SETS",
        (
            ("CHARACTER_SET_NAME", "Charset"), ("DESCRIPTION", "Description"),
            ("DEFAULT_COLLATE_NAME", "Default collation"), ("MAXLEN", "Maxlen"),
        ),
        "CHARACTER_SET_NAME",
        order="CHARACTER_SET_NAME",
    ),
    "COLLATION": ShowQuery(
        "information_schema.COLLATIONS",
        (
            ("COLLATION_NAME", "Collation"), ("CHARACTER_SET_NAME", "Charset"), ("ID", "Id"),
            ("IS_DEFAULT", "Default"), ("IS_COMPILED", "Compiled"), ("SORTLEN", "Sortlen"),
            ("PAD_ATTRIBUTE", "Pad_attribute"),
        ),
        "COLLATION_NAME",
        order="COLLATION_NAME",
    ),
    "DATABASES": ShowQuery(
        "information_schema.SCHEMATA",
        (("SCHEMA_NAME", "Database{like}"),),
        "SCHEMA_NAME",
        order="SCHEMA_NAME",
    ),
    "ENGINES": ShowQuery(
        "information_schema.ENGINES",
        _same("Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"),
    ),
    "PLUGINS": ShowQuery(
        "information_schema.PLUGINS",
        (
            ("PLUGIN_NAME", "Name"), ("PLUGIN_STATUS", "Status"), ("PLUGIN_TYPE", "Type"),
            ("PLUGIN_LIBRARY", "Library"), ("PLUGIN_LICENSE", "License"),
        ),
    ),
    "EVENTS": ShowQuery(
        "information_schema.EVENTS",
        (
            ("EVENT_SCHEMA", "Db"), ("EVENT_NAME", "Name"), ("DEFINER", "Definer"),
            ("TIME_ZONE", "Time zone"), ("EVENT_TYPE", "Type"), ("EXECUTE_AT", "Execute at"),
            ("INTERVAL_VALUE", "Interval value"), ("INTERVAL_FIELD", "Interval field"),
            ("STARTS", "Starts"), ("ENDS", "Ends"), ("STATUS", "Status"),
            ("ORIGINATOR", "Originator"), ("CHARACTER_SET_CLIENT", "character_set_client"),
            ("COLLATION_CONNECTION", "collation_connection"),
            ("DATABASE_COLLATION", "Database Collation"),
        ),
        "EVENT_NAME",
        "EVENT_SCHEMA = {schema}",
    ),
    "TRIGGERS": ShowQuery(
        "information_schema.TRIGGERS",
        (
            ("TRIGGER_NAME", "Trigger"), ("EVENT_MANIPULATION", "Event"),
            ("EVENT_OBJECT_TABLE", "Table"), ("ACTION_STATEMENT", "Statement"),
            ("ACTION_TIMING", "Timing"), ("CREATED", "Created"), ("SQL_MODE", "sql_mode"),
            ("DEFINER", "Definer"), ("CHARACTER_SET_CLIENT", "character_set_client"),
            ("COLLATION_CONNECTION", "collation_connection"),
            ("DATABASE_COLLATION", "Database Collation"),
        ),
        "EVENT_OBJECT_TABLE",
        "TRIGGER_SCHEMA = {schema}",
    ),
    "FUNCTION STATUS": ShowQuery(
        "information_schema.ROUTINES", _ROUTINES, "ROUTINE_NAME", "ROUTINE_TYPE = 'FUNCTION'"
    ),
    "PROCEDURE STATUS": ShowQuery(
        "information_schema.ROUTINES", _ROUTINES, "ROUTINE_NAME", "ROUTINE_TYPE = 'PROCEDURE'"
    ),
    "TABLES": ShowQuery(
        "information_schema.TABLES",
        (("TABLE_NAME", "Tables_in_{schema}{like}"),),
        "TABLE_NAME",
        "TABLE_SCHEMA = {schema}",
        "TABLE_NAME",
    ),
    "FULL TABLES": ShowQuery(
        "information_schema.TABLES",
        (("TABLE_NAME", "Tables_in_{schema}{like}"), ("TABLE_TYPE", "Table_type")),
        "TABLE_NAME",
        "TABLE_SCHEMA = {schema}",
        "TABLE_NAME",
    ),
    "TABLE STATUS": ShowQuery(
        "information_schema.TABLES",
        (
            ("TABLE_NAME", "Name"),
            *_same("Engine", "Version", "Row_format"),
            ("TABLE_ROWS", "Rows"),
            *_same(
                "Avg_row_length", "Data_length", "Max_data_length", "Index_length", "Data_free",
                "Auto_increment", "Create_time", "Update_time", "Check_time",
            ),
            ("TABLE_COLLATION", "Collation"),
            *_same("Checksum", "Create_options"),
            ("TABLE_COMMENT", "Comment"),
        ),
        "TABLE_NAME",
        "TABLE_SCHEMA = {schema}",
        "TABLE_NAME",
    ),
    "INDEX": ShowQuery(
        "information_schema.STATISTICS",
        (
            ("TABLE_NAME", "Table"), ("NON_UNIQUE", "Non_unique"), ("INDEX_NAME", "Key_name"),
            ("SEQ_IN_INDEX", "Seq_in_index"), ("COLUMN_NAME", "Column_name"),
            ("COLLATION", "Collation"), ("CARDINALITY", "Cardinality"), ("SUB_PART", "Sub_part"),
            ("PACKED", "Packed"), ("NULLABLE", "Null"), ("INDEX_TYPE", "Index_type"),
            ("COMMENT", "Comment"), ("INDEX_COMMENT", "Index_comment"), ("IS_VISIBLE", "Visible"),
            ("EXPRESSION", "Expression"),
        ),
        "",
        "TABLE_SCHEMA = {schema} AND TABLE_NAME = {table}",
    ),
    "COLUMNS": ShowQuery(
        "information_schema.COLUMNS",
        (
            ("COLUMN_NAME", "Field"), ("COLUMN_TYPE", "Type"), ("IS_NULLABLE", "Null"),
            ("COLUMN_KEY", "Key"), ("COLUMN_DEFAULT", "Default"), ("EXTRA", "Extra"),
        ),
        "COLUMN_NAME",
        "TABLE_SCHEMA = {schema} AND TABLE_NAME = {table}",
        "ORDINAL_POSITION",
    ),
    "FULL COLUMNS": ShowQuery(
        "information_schema.COLUMNS",
        (
            ("COLUMN_NAME", "Field"), ("COLUMN_TYPE", "Type"), ("COLLATION_NAME", "Collation"),
            ("IS_NULLABLE", "Null"), ("COLUMN_KEY", "Key"), ("COLUMN_DEFAULT", "Default"),
            ("EXTRA", "Extra"), ("PRIVILEGES", "Privileges"), ("COLUMN_COMMENT", "Comment"),
        ),
        "COLUMN_NAME",
        "TABLE_SCHEMA = {schema} AND TABLE_NAME = {table}",
        "ORDINAL_POSITION",
    ),
    "GLOBAL VARIABLES": ShowQuery(
        "performance_schema.global_variables", _VARIABLES, "VARIABLE_NAME", order="VARIABLE_NAME"
    ),
    "SESSION VARIABLES": ShowQuery(
        "performance_schema.session_variables", _VARIABLES, "VARIABLE_NAME", order="VARIABLE_NAME"
    ),
    "GLOBAL STATUS": ShowQuery(
        "performance_schema.global_status", _VARIABLES, "VARIABLE_NAME", order="VARIABLE_NAME"
    ),
    "SESSION STATUS": ShowQuery(
        "performance_schema.session_status", _VARIABLES, "VARIABLE_NAME", order="VARIABLE_NAME"
    ),
}  # fmt: skip


def text_value(text: str, *, backslash_escapes: bool) -> str:
    """A string literal in a session's dialect."""
    if backslash_escapes:
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return "`" + text.replace("`", "``") + "`"


def build(
    query: ShowQuery,
    *,
    schema: str | None = None,
    table: str | None = None,
    like: str | None = None,
    where: str = "",
    backslash_escapes: bool = True,
) -> str:
    """The SELECT that answers."""

    def value(text: str | None) -> str:
        return text_value(text or "", backslash_escapes=backslash_escapes)

    shown_like = f" ({like})" if like is not None else ""
    columns = ", ".join(
        f"{expression} AS "
        + _name(name.replace("{like}", shown_like).replace("{schema}", schema or ""))
        for expression, name in query.columns
    )
    conditions = []
    if query.condition:
        condition = query.condition.replace("{table}", "\0").replace("{schema}", value(schema))
        conditions.append(condition.replace("\0", value(table)))
    if like is not None and query.like:
        conditions.append(f"{query.like} LIKE {value(like)}")
    sql = f"SELECT {columns} FROM {query.source}"
    if conditions:
        sql += f" WHERE {' AND '.join(conditions)}"
    if query.order:
        sql += f" ORDER BY {query.order}"
    return f"SELECT * FROM ({sql}) AS shown WHERE {where}" if where else sql
