"""Pure: the tables of the schema `mysql`: accounts and privileges, in MySQL 8.0's layout.

They are ordinary tables made by ordinary CREATE TABLE statements when a volume is new.
Source: MySQL 8.0 Reference Manual, 6.2.3 "Grant Tables".
"""

from __future__ import annotations

from typing import Final

# Column of mysql.user -> the privilege's name in GRANT, in the table's order.
GLOBAL_PRIVILEGES: Final[dict[str, str]] = {
    "Select_priv": "SELECT", "Insert_priv": "INSERT", "Update_priv": "UPDATE",
    "Delete_priv": "DELETE", "Create_priv": "CREATE", "Drop_priv": "DROP",
    "Reload_priv": "RELOAD", "Shutdown_priv": "SHUTDOWN", "Process_priv": "PROCESS",
    "File_priv": "FILE", "Grant_priv": "GRANT OPTION", "References_priv": "REFERENCES",
    "Index_priv": "INDEX", "Alter_priv": "ALTER", "Show_db_priv": "SHOW DATABASES",
    "Super_priv": "SUPER", "Create_tmp_table_priv": "CREATE TEMPORARY TABLES",
    "Lock_tables_priv": "LOCK TABLES", "Execute_priv": "EXECUTE",
    "Repl_slave_priv": "REPLICATION SLAVE", "Repl_client_priv": "REPLICATION CLIENT",
    "Create_view_priv": "CREATE VIEW", "Show_view_priv": "SHOW VIEW",
    "Create_routine_priv": "CREATE ROUTINE", "Alter_routine_priv": "ALTER ROUTINE",
    "Create_user_priv": "CREATE USER", "Event_priv": "EVENT", "Trigger_priv": "TRIGGER",
    "Create_tablespace_priv": "CREATE TABLESPACE", "Create_role_priv": "CREATE ROLE",
    "Drop_role_priv": "DROP ROLE",
}  # fmt: skip
SCHEMA_PRIVILEGES: Final[dict[str, str]] = {
    column: name
    for column, name in GLOBAL_PRIVILEGES.items()
    if name in (
        "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "GRANT OPTION", "REFERENCES",
        "INDEX", "ALTER", "CREATE TEMPORARY TABLES", "LOCK TABLES", "CREATE VIEW", "SHOW VIEW",
        "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE", "EVENT", "TRIGGER",
    )
}  # fmt: skip
TABLE_PRIVILEGES: Final = {
    "SELECT": "Select", "INSERT": "Insert", "UPDATE": "Update", "DELETE": "Delete",
    "CREATE": "Create", "DROP": "Drop", "GRANT OPTION": "Grant", "REFERENCES": "References",
    "INDEX": "Index", "ALTER": "Alter", "CREATE VIEW": "Create View", "SHOW VIEW": "Show view",
    "TRIGGER": "Trigger",
}  # fmt: skip

_HOST: Final = "Host char(255) CHARACTER SET ascii COLLATE ascii_general_ci DEFAULT '' NOT NULL"
_NAMES: Final = "CHARACTER SET utf8mb3 COLLATE utf8mb3_bin"
_USER: Final = f"User char(32) {_NAMES} DEFAULT '' NOT NULL"
_DB: Final = f"Db char(64) {_NAMES} DEFAULT '' NOT NULL"
_END: Final = ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_bin COMMENT="


def _switches(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} enum('N','Y') DEFAULT 'N' NOT NULL" for name in columns)


_SET: Final = ",".join(f"'{word}'" for word in TABLE_PRIVILEGES.values())

CREATE_TABLES: Final[tuple[str, ...]] = (
    f"CREATE TABLE mysql.user ({_HOST}, {_USER}, {_switches(GLOBAL_PRIVILEGES)}, "
    "ssl_type enum('','ANY','X509','SPECIFIED') DEFAULT '' NOT NULL, ssl_cipher blob, "
    "x509_issuer blob, x509_subject blob, max_questions int unsigned DEFAULT '0' NOT NULL, "
    "max_updates int unsigned DEFAULT '0' NOT NULL, "
    "max_connections int unsigned DEFAULT '0' NOT NULL, "
    "max_user_connections int unsigned DEFAULT '0' NOT NULL, "
    "plugin char(64) DEFAULT 'mysql_native_password' NOT NULL, authentication_string text, "
    "password_expired enum('N','Y') DEFAULT 'N' NOT NULL, "
    "password_last_changed timestamp NULL DEFAULT NULL, "
    "password_lifetime smallint unsigned DEFAULT NULL, "
    "account_locked enum('N','Y') DEFAULT 'N' NOT NULL, "
    "Password_reuse_history smallint unsigned DEFAULT NULL, "
    "Password_reuse_time smallint unsigned DEFAULT NULL, "
    "Password_require_current enum('N','Y') DEFAULT NULL, User_attributes json, "
    f"PRIMARY KEY (Host, User){_END}'Users and global privileges'",
    f"CREATE TABLE mysql.db ({_HOST}, {_DB}, {_USER}, {_switches(SCHEMA_PRIVILEGES)}, "
    f"PRIMARY KEY (Host, Db, User), KEY User (User){_END}'Database privileges'",
    f"CREATE TABLE mysql.tables_priv ({_HOST}, {_DB}, {_USER}, "
    f"Table_name char(64) {_NAMES} DEFAULT '' NOT NULL, "
    "Grantor varchar(288) DEFAULT '' NOT NULL, Timestamp timestamp NULL DEFAULT NULL, "
    f"Table_priv set({_SET}) DEFAULT '' NOT NULL, "
    "Column_priv set('Select','Insert','Update','References') DEFAULT '' NOT NULL, "
    f"PRIMARY KEY (Host, Db, User, Table_name), KEY Grantor (Grantor){_END}'Table privileges'",
    f"CREATE TABLE mysql.columns_priv ({_HOST}, {_DB}, {_USER}, "
    f"Table_name char(64) {_NAMES} DEFAULT '' NOT NULL, "
    f"Column_name char(64) DEFAULT '' NOT NULL, Timestamp timestamp NULL DEFAULT NULL, "
    "Column_priv set('Select','Insert','Update','References') DEFAULT '' NOT NULL, "
    f"PRIMARY KEY (Host, Db, User, Table_name, Column_name){_END}'Column privileges'",
    f"CREATE TABLE mysql.procs_priv ({_HOST}, {_DB}, {_USER}, "
    f"Routine_name char(64) DEFAULT '' NOT NULL, "
    "Routine_type enum('FUNCTION','PROCEDURE') NOT NULL, "
    "Grantor varchar(288) DEFAULT '' NOT NULL, "
    "Proc_priv set('Execute','Alter Routine','Grant') DEFAULT '' NOT NULL, "
    "Timestamp timestamp NULL DEFAULT NULL, "
    "PRIMARY KEY (Host, Db, User, Routine_name, Routine_type), "
    f"KEY Grantor (Grantor){_END}'Procedure privileges'",
)
