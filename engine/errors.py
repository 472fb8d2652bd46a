"""The errors an instance shows to its clients: MySQL's numbers, SQLSTATEs and wording.

Clients classify failures by number, by SQLSTATE and some by words of the message, so the
texts below follow MySQL 8.0's server message list to the letter. Every `SqlError` is made by
`error(number, ...)` or by one of the named constructors, never with free text, except syntax
errors and 1235, whose text names what was met.
"""

from __future__ import annotations

from typing import Final

# number -> (SQLSTATE, text); "%s" are filled in order.
MESSAGES: Final[dict[int, tuple[str, str]]] = {
    1004: ("HY000", "Can't create file '%s' (errno: %s)"),
    1007: ("HY000", "Can't create database '%s'; database exists"),
    1008: ("HY000", "Can't drop database '%s'; database doesn't exist"),
    1020: ("HY000", "Record has changed since last read in table '%s'"),
    1022: ("23000", "Can't write; duplicate key in table '%s'"),
    1025: ("HY000", "Error on rename of '%s' to '%s' (errno: %s)"),
    1030: ("HY000", "Got error %s from storage engine"),
    1036: ("HY000", "Table '%s' is read only"),
    1040: ("08004", "Too many connections"),
    1041: ("HY000", "Out of memory"),
    1043: ("08S01", "Bad handshake"),
    1044: ("42000", "Access denied for user '%s'@'%s' to database '%s'"),
    1045: ("28000", "Access denied for user '%s'@'%s' (using password: %s)"),
    1046: ("3D000", "No database selected"),
    1047: ("08S01", "Unknown command"),
    1048: ("23000", "Column '%s' cannot be null"),
    1049: ("42000", "Unknown database '%s'"),
    1050: ("42S01", "Table '%s' already exists"),
    1051: ("42S02", "Unknown table '%s'"),
    1052: ("23000", "Column '%s' in %s is ambiguous"),
    1053: ("08S01", "Server shutdown in progress"),
    1054: ("42S22", "Unknown column '%s' in '%s'"),
    1055: ("42000", "'%s' isn't in GROUP BY"),
    1058: ("21S01", "Column count doesn't match value count"),
    1059: ("42000", "Identifier name '%s' is too long"),
    1060: ("42S21", "Duplicate column name '%s'"),
    1061: ("42000", "Duplicate key name '%s'"),
    1062: ("23000", "Duplicate entry '%s' for key '%s'"),
    1063: ("42000", "Incorrect column specifier for column '%s'"),
    1064: ("42000", "%s"),
    1065: ("42000", "Query was empty"),
    1066: ("42000", "Not unique table/alias: '%s'"),
    1067: ("42000", "Invalid default value for '%s'"),
    1068: ("42000", "Multiple primary key defined"),
    1069: ("42000", "Too many keys specified; max %s keys allowed"),
    1071: ("42000", "Specified key was too long; max key length is %s bytes"),
    1072: ("42000", "Key column '%s' doesn't exist in table"),
    1074: ("42000", "Column length too big for column '%s' (max = %s); use BLOB or TEXT instead"),
    1075: (
        "42000",
        "Incorrect table definition; there can be only one auto column and it must be defined "
        "as a key",
    ),
    1081: ("08S01", "Can't create IP socket"),
    1089: (
        "HY000",
        "Incorrect prefix key; the used key part isn't a string, the used length is longer than "
        "the key part, or the storage engine doesn't support unique prefix keys",
    ),
    1090: ("42000", "You can't delete all columns with ALTER TABLE; use DROP TABLE instead"),
    1091: ("42000", "Can't DROP '%s'; check that column/key exists"),
    1093: ("HY000", "You can't specify target table '%s' for update in FROM clause"),
    1094: ("HY000", "Unknown thread id: %s"),
    1095: ("HY000", "You are not owner of thread %s"),
    1096: ("HY000", "No tables used"),
    1097: ("HY000", "Too many strings for column %s and SET"),
    1099: ("HY000", "Table '%s' was locked with a READ lock and can't be updated"),
    1100: ("HY000", "Table '%s' was not locked with LOCK TABLES"),
    1101: ("42000", "BLOB, TEXT, GEOMETRY or JSON column '%s' can't have a default value"),
    1102: ("42000", "Incorrect database name '%s'"),
    1103: ("42000", "Incorrect table name '%s'"),
    1105: ("HY000", "%s"),
    1109: ("42S02", "Unknown table '%s' in %s"),
    1110: ("42000", "Column '%s' specified twice"),
    1111: ("HY000", "Invalid use of group function"),
    1113: ("42000", "A table must have at least 1 column"),
    1114: ("HY000", "The table '%s' is full"),
    1115: ("42000", "Unknown character set: '%s'"),
    1118: ("42000", "Row size too large"),
    1136: ("21S01", "Column count doesn't match value count at row %s"),
    1138: ("22004", "Invalid use of NULL value"),
    1139: ("42000", "Got error '%s' from regexp"),
    1140: (
        "42000",
        "In aggregated query without GROUP BY, expression #%s of SELECT list contains "
        "nonaggregated column '%s'; this is incompatible with sql_mode=only_full_group_by",
    ),
    1141: ("42000", "There is no such grant defined for user '%s' on host '%s'"),
    1142: ("42000", "%s command denied to user '%s'@'%s' for table '%s'"),
    1146: ("42S02", "Table '%s.%s' doesn't exist"),
    1147: (
        "42000",
        "There is no such grant defined for user '%s' on host '%s' on table '%s'",
    ),
    1149: (
        "42000",
        "You have an error in your SQL syntax; check the manual that corresponds to your MySQL "
        "server version for the right syntax to use",
    ),
    1153: ("08S01", "Got a packet bigger than 'max_allowed_packet' bytes"),
    1156: ("08S01", "Got packets out of order"),
    1158: ("08S01", "Got an error reading communication packets"),
    1159: ("08S01", "Got timeout reading communication packets"),
    1160: ("08S01", "Got an error writing communication packets"),
    1161: ("08S01", "Got timeout writing communication packets"),
    1166: ("42000", "Incorrect column name '%s'"),
    1170: (
        "42000",
        "BLOB/TEXT column '%s' used in key specification without a key length",
    ),
    1171: (
        "42000",
        "All parts of a PRIMARY KEY must be NOT NULL; if you need NULL in a key, use UNIQUE "
        "instead",
    ),
    1172: ("42000", "Result consisted of more than one row"),
    1175: (
        "HY000",
        "You are using safe update mode and you tried to update a table without a WHERE that "
        "uses a KEY column. ",
    ),
    1176: ("42000", "Key '%s' doesn't exist in table '%s'"),
    1179: (
        "25000",
        "You are not allowed to execute this command in a transaction",
    ),
    1180: ("HY000", "Got error %s during COMMIT"),
    1191: ("HY000", "Can't find FULLTEXT index matching the column list"),
    1192: (
        "HY000",
        "Can't execute the given command because you have active locked tables or an active "
        "transaction",
    ),
    1193: ("HY000", "Unknown system variable '%s'"),
    1203: (
        "42000",
        "User %s already has more than 'max_user_connections' active connections",
    ),
    1205: ("HY000", "Lock wait timeout exceeded; try restarting transaction"),
    1210: ("HY000", "Incorrect arguments to %s"),
    1213: ("40001", "Deadlock found when trying to get lock; try restarting transaction"),
    1214: ("HY000", "The used table type doesn't support FULLTEXT indexes"),
    1215: ("HY000", "Cannot add foreign key constraint"),
    1221: ("HY000", "Incorrect usage of %s and %s"),
    1222: ("21000", "The used SELECT statements have a different number of columns"),
    1227: (
        "42000",
        "Access denied; you need (at least one of) the %s privilege(s) for this operation",
    ),
    1228: (
        "HY000",
        "Variable '%s' is a SESSION variable and can't be used with SET GLOBAL",
    ),
    1229: (
        "HY000",
        "Variable '%s' is a GLOBAL variable and should be set with SET GLOBAL",
    ),
    1230: ("42000", "Variable '%s' doesn't have a default value"),
    1231: ("42000", "Variable '%s' can't be set to the value of '%s'"),
    1232: ("42000", "Incorrect argument type to variable '%s'"),
    1234: ("42000", "Incorrect usage/placement of '%s'"),
    1235: ("42000", "This version of MySQL doesn't yet support '%s'"),
    1238: ("HY000", "Variable '%s' is a %s variable"),
    1241: ("21000", "Operand should contain %s column(s)"),
    1242: ("21000", "Subquery returns more than 1 row"),
    1243: ("HY000", "Unknown prepared statement handler (%s) given to %s"),
    1246: ("HY000", "Converting column '%s' from %s to %s"),
    1247: ("42S22", "Reference '%s' not supported (%s)"),
    1248: ("42000", "Every derived table must have its own alias"),
    1250: (
        "42000",
        "Table '%s' from one of the SELECTs cannot be used in %s",
    ),
    1251: (
        "08004",
        "Client does not support authentication protocol requested by server; consider "
        "upgrading MySQL client",
    ),
    1253: ("42000", "COLLATION '%s' is not valid for CHARACTER SET '%s'"),
    1260: ("HY000", "Row %s was cut by GROUP_CONCAT()"),
    1262: ("01000", "Row %s was truncated; it contained more data than there were input columns"),
    1263: (
        "22004",
        "Column set to default value; NULL supplied to NOT NULL column '%s' at row %s",
    ),
    1264: ("22003", "Out of range value for column '%s' at row %s"),
    1265: ("01000", "Data truncated for column '%s' at row %s"),
    1267: ("HY000", "Illegal mix of collations (%s,%s) and (%s,%s) for operation '%s'"),
    1273: ("HY000", "Unknown collation: '%s'"),
    1280: ("42000", "Incorrect index name '%s'"),
    1286: ("42000", "Unknown storage engine '%s'"),
    1287: ("HY000", "'%s' is deprecated and will be removed in a future release. Please use %s"),
    1288: ("HY000", "The target table %s of the %s is not updatable"),
    1290: (
        "HY000",
        "The MySQL server is running with the %s option so it cannot execute this statement",
    ),
    1291: ("HY000", "Column '%s' has duplicated value '%s' in %s"),
    1292: ("22007", "Incorrect %s value: '%s' for column '%s' at row %s"),
    1294: ("HY000", "Invalid ON UPDATE clause for '%s' column"),
    1295: (
        "HY000",
        "This command is not supported in the prepared statement protocol yet",
    ),
    1298: ("HY000", "Unknown or incorrect time zone: '%s'"),
    1300: ("HY000", "Invalid %s character string: '%s'"),
    1305: ("42000", "%s %s does not exist"),
    1317: ("70100", "Query execution was interrupted"),
    1318: ("42000", "Incorrect number of arguments for %s %s; expected %s, got %s"),
    1327: ("42000", "Undeclared variable: %s"),
    1364: ("HY000", "Field '%s' doesn't have a default value"),
    1353: (
        "HY000",
        "In definition of view, derived table or common table expression, SELECT list and column "
        "names list have different column counts",
    ),
    1365: ("22012", "Division by 0"),
    1366: ("HY000", "Incorrect %s value: '%s' for column '%s' at row %s"),
    1367: ("22007", "Illegal %s '%s' value found during parsing"),
    1372: ("HY000", "Password hash should be a %s-digit hexadecimal number"),
    1396: ("HY000", "Operation %s failed for %s"),
    1399: (
        "XAE07",
        "XAER_RMFAIL: The command cannot be executed when global transaction is in the  %s state",
    ),
    1406: ("22001", "Data too long for column '%s' at row %s"),
    1411: ("HY000", "Incorrect %s value: '%s' for function %s"),
    1412: ("HY000", "Table definition has changed, please retry transaction"),
    1425: ("42000", "Too big scale %s specified for column '%s'. Maximum is %s."),
    1426: ("42000", "Too-big precision %s specified for '%s'. Maximum is %s."),
    1427: (
        "42000",
        "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '%s').",
    ),
    1439: ("42000", "Display width out of range for column '%s' (max = %s)"),
    1441: ("22008", "Datetime function: %s field overflow"),
    1451: ("23000", "Cannot delete or update a parent row: a foreign key constraint fails (%s)"),
    1452: ("23000", "Cannot add or update a child row: a foreign key constraint fails (%s)"),
    1461: (
        "42000",
        "Can't create more than max_prepared_stmt_count statements (current value: %s)",
    ),
    1467: ("HY000", "Failed to read auto-increment value from storage engine"),
    1524: ("HY000", "Plugin '%s' is not loaded"),
    1525: ("HY000", "Incorrect %s value: '%s'"),
    1568: (
        "25001",
        "Transaction characteristics can't be changed while a transaction is in progress",
    ),
    1582: ("42000", "Incorrect parameter count in the call to native function '%s'"),
    1583: ("42000", "Incorrect parameters in the call to native function '%s'"),
    1621: (
        "HY000",
        "%s variable '%s' is read-only. Use SET %s to assign the value",
    ),
    1681: ("HY000", "'%s' is deprecated and will be removed in a future release."),
    1690: ("22003", "%s value is out of range in '%s'"),
    1701: (
        "42000",
        "Cannot truncate a table referenced in a foreign key constraint (%s)",
    ),
    1792: ("25006", "Cannot execute statement in a READ ONLY transaction."),
    1826: ("HY000", "Duplicate foreign key constraint name '%s'"),
    1836: ("HY000", "Running in read-only mode"),
    1927: ("70100", "Connection was killed"),
    3024: (
        "HY000",
        "Query execution was interrupted, maximum statement execution time exceeded",
    ),
    3065: (
        "HY000",
        "Expression #%s of ORDER BY clause is not in SELECT list, references column '%s' which "
        "is not in SELECT list; this is incompatible with %s",
    ),
    3140: (
        "22032",
        "Invalid JSON text: \"%s\" at position %s in value for column '%s'.",
    ),
    3141: (
        "22032",
        'Invalid JSON text in argument %s to function %s: "%s" at position %s.',
    ),
    3143: (
        "42000",
        "Invalid JSON path expression. The error is around character position %s.",
    ),
    3149: (
        "42000",
        "In this situation, path expressions may not contain the * and ** tokens or an array "
        "range.",
    ),
    3152: (
        "42000",
        "JSON column '%s' supports indexing only via generated columns on a specified JSON path.",
    ),
    3153: ("42000", "The path expression '$' is not allowed in this context."),
    3158: ("22032", "JSON documents may not contain NULL member names."),
    3159: (
        "HY000",
        "Connections using insecure transport are prohibited while --require_secure_transport=ON.",
    ),
    3572: (
        "HY000",
        "Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set.",
    ),
    3780: (
        "HY000",
        "Referencing column '%s' and referenced column '%s' in foreign key constraint '%s' are "
        "incompatible.",
    ),
    3819: ("HY000", "Check constraint '%s' is violated."),
    3822: ("HY000", "Duplicate check constraint name '%s'."),
    3948: (
        "42000",
        "Loading local data is disabled; this must be enabled on both the client and server sides",
    ),
    4031: (
        "HY000",
        "The client was disconnected by the server because of inactivity. See wait_timeout and "
        "interactive_timeout for configuring this behavior.",
    ),
}


class SqlError(Exception):
    """One error packet: what a client sees of a statement that failed."""

    def __init__(self, errno: int, sqlstate: str, message: str) -> None:
        super().__init__(errno, sqlstate, message)
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message

    def __str__(self) -> str:
        return f"ERROR {self.errno} ({self.sqlstate}): {self.message}"


def error(errno: int, *args: object) -> SqlError:
    """The error of that number with its text's blanks filled."""
    sqlstate, text = MESSAGES[errno]
    return SqlError(errno, sqlstate, text % tuple(str(arg) for arg in args))


def syntax_error(near: str, line: int = 1) -> SqlError:
    """1064 with MySQL's wording; `near` is the rest of the statement where parsing stopped."""
    return error(
        1064,
        "You have an error in your SQL syntax; check the manual that corresponds to your MySQL "
        f"server version for the right syntax to use near '{near[:80]}' at line {line}",
    )


def empty_query() -> SqlError:
    return error(1065)


def not_supported(what: str) -> SqlError:
    """1235: understood, but not built yet. `what` names the statement or clause."""
    return error(1235, what)


def access_denied(user: str, host: str, *, using_password: bool) -> SqlError:
    return error(1045, user, host, "YES" if using_password else "NO")


def unknown_database(name: str) -> SqlError:
    return error(1049, name)


def no_database_selected() -> SqlError:
    return error(1046)


def unknown_table(schema: str, table: str) -> SqlError:
    return error(1146, schema, table)


def unknown_column(column: str, clause: str = "field list") -> SqlError:
    return error(1054, column, clause)


def duplicate_entry(value: str, key: str) -> SqlError:
    return error(1062, value, key)


def read_only_instance() -> SqlError:
    """A write on a reader; failover drivers react to this very text."""
    return error(1290, "--read-only")


def read_only_transaction() -> SqlError:
    return error(1792)


def lock_wait_timeout() -> SqlError:
    return error(1205)


def deadlock() -> SqlError:
    return error(1213)


def query_interrupted() -> SqlError:
    return error(1317)


def unknown_thread(connection_id: int) -> SqlError:
    return error(1094, connection_id)


def unknown_command() -> SqlError:
    return error(1047)


def packet_too_large() -> SqlError:
    return error(1153)


def packets_out_of_order() -> SqlError:
    return error(1156)


def bad_handshake() -> SqlError:
    return error(1043)


def server_shutdown() -> SqlError:
    return error(1053)


def too_many_connections() -> SqlError:
    return error(1040)


def unknown_statement_handler(statement_id: int, command: str) -> SqlError:
    return error(1243, statement_id, command)


def wrong_arguments(what: str) -> SqlError:
    return error(1210, what)


def unknown_variable(name: str) -> SqlError:
    return error(1193, name)


def commit_outcome_unknown(reason: str) -> SqlError:
    """The volume did not confirm in time; the transaction may or may not be durable."""
    return error(1180, f'"{reason}"')


def storage_unavailable(reason: str) -> SqlError:
    return error(1030, f'"{reason}"')
