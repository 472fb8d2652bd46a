"""Pure: the system variables about the server: what it is, and settings for all sessions.

Those with a `live` reading show the instance's state; the others a setting. Settings of MySQL's
own storage and log files are shown with the values that describe this server best, because
clients and monitoring read them; they cannot be changed.
"""

from __future__ import annotations

from typing import Final

from engine.info import InstanceInfo
from engine.sql.variables.descriptor import (
    BOOLEAN,
    NULLABLE_TEXT,
    TEXT,
    Descriptor,
    Kind,
    Scope,
    Value,
    double,
    enumeration,
    integer,
)
from engine.sql.variables.table_session import U32, U64, YEAR_SECONDS

SERVER_VERSION: Final = "8.0.39"
AURORA_VERSION: Final = "3.08.0"
VERSION_COMMENT: Final = "Sixfold, compatible with MySQL"

_INTEGER: Final = integer(-1, U64)


def _fact(name: str, value: Value, scope: Scope = Scope.GLOBAL) -> Descriptor:
    """Something that is so and cannot be set."""
    kind: Kind = NULLABLE_TEXT
    if isinstance(value, bool):
        kind, value = BOOLEAN, int(value)
    elif isinstance(value, int):
        kind = _INTEGER
    elif isinstance(value, float):
        kind = double(0, U64)
    return Descriptor(name, kind, value, scope, writable=False)


def _server_id(info: InstanceInfo) -> Value:
    return info.sessions.instance_index


def _read_only(info: InstanceInfo) -> Value:
    return int(info.read_only)


def _live(name: str, kind: Kind, read: object) -> Descriptor:
    assert callable(read)
    return Descriptor(name, kind, None, Scope.GLOBAL, writable=False, live=read)


IDENTITY: Final = (
    _live("aurora_server_id", TEXT, lambda info: info.instance_id),
    _fact("aurora_version", AURORA_VERSION),
    _live("hostname", TEXT, lambda info: info.instance_id),
    _live("innodb_read_only", BOOLEAN, _read_only),
    _fact("license", "GPL"),
    _live("port", _INTEGER, lambda info: info.port),
    _live("read_only", BOOLEAN, _read_only),
    _live("report_host", TEXT, lambda info: info.instance_id),
    _live("report_port", _INTEGER, lambda info: info.port),
    _live("server_id", _INTEGER, _server_id),
    _live("server_uuid", TEXT, lambda info: info.server_uuid),
    _fact("socket", None),
    _fact("super_read_only", False),
    _fact("system_time_zone", "UTC"),
    _fact("version", SERVER_VERSION),
    _fact("version_comment", VERSION_COMMENT),
    _fact("version_compile_machine", "x86_64"),
    _fact("version_compile_os", "Linux"),
    _fact("version_compile_zlib", "1.3.1"),
    _fact("innodb_version", SERVER_VERSION),
    _fact("protocol_version", 10),
    _fact("statement_id", 0, Scope.SESSION),
)

SETTINGS: Final = (
    Descriptor("automatic_sp_privileges", BOOLEAN, 1, Scope.GLOBAL),
    Descriptor("back_log", _INTEGER, 151, Scope.GLOBAL, writable=False),
    Descriptor("concurrent_insert", enumeration("NEVER", "AUTO", "ALWAYS"), "AUTO", Scope.GLOBAL),
    Descriptor("connect_timeout", integer(2, YEAR_SECONDS), 10, Scope.GLOBAL),
    Descriptor("default_password_lifetime", integer(0, 65_535), 0, Scope.GLOBAL),
    Descriptor("delay_key_write", enumeration("OFF", "ON", "ALL"), "ON", Scope.GLOBAL),
    Descriptor("event_scheduler", enumeration("OFF", "ON", "DISABLED"), "OFF", Scope.GLOBAL),
    Descriptor("flush", BOOLEAN, 0, Scope.GLOBAL),
    Descriptor("flush_time", integer(0, YEAR_SECONDS), 0, Scope.GLOBAL),
    Descriptor("general_log", BOOLEAN, 0, Scope.GLOBAL),
    Descriptor("host_cache_size", integer(0, 65_536), 279, Scope.GLOBAL),
    Descriptor("init_connect", TEXT, "", Scope.GLOBAL),
    Descriptor("init_replica", TEXT, "", Scope.GLOBAL),
    Descriptor("innodb_deadlock_detect", BOOLEAN, 1, Scope.GLOBAL),
    Descriptor("innodb_print_all_deadlocks", BOOLEAN, 0, Scope.GLOBAL),
    Descriptor("innodb_stats_on_metadata", BOOLEAN, 0, Scope.GLOBAL),
    Descriptor("innodb_stats_persistent", BOOLEAN, 1, Scope.GLOBAL),
    Descriptor("innodb_stats_persistent_sample_pages", integer(1, U64), 20, Scope.GLOBAL),
    Descriptor("innodb_status_output", BOOLEAN, 0, Scope.GLOBAL),
    Descriptor("innodb_adaptive_hash_index", BOOLEAN, 0, Scope.GLOBAL),
    Descriptor("key_buffer_size", integer(0, U64), 8_388_608, Scope.GLOBAL),
    Descriptor("local_infile", BOOLEAN, 0, Scope.GLOBAL),
    Descriptor("log_error_verbosity", integer(1, 3), 2, Scope.GLOBAL),
    Descriptor("log_output", TEXT, "FILE", Scope.GLOBAL),
    Descriptor("log_queries_not_using_indexes", BOOLEAN, 0, Scope.GLOBAL),
    Descriptor("max_connect_errors", integer(1, U64), 100, Scope.GLOBAL),
    Descriptor("max_connections", integer(1, 100_000), 4_000, Scope.GLOBAL),
    Descriptor("max_prepared_stmt_count", integer(0, 4_194_304), 16_382, Scope.GLOBAL),
    Descriptor("max_write_lock_count", integer(1, U64), U64, Scope.GLOBAL),
    Descriptor("password_history", integer(0, U32), 0, Scope.GLOBAL),
    Descriptor("password_reuse_interval", integer(0, U32), 0, Scope.GLOBAL),
    Descriptor("regexp_stack_limit", integer(0, 2_147_483_647), 8_000_000, Scope.GLOBAL),
    Descriptor("regexp_time_limit", integer(0, 2_147_483_647), 32, Scope.GLOBAL),
    Descriptor("require_secure_transport", BOOLEAN, 0, Scope.GLOBAL),
    Descriptor("schema_definition_cache", integer(256, 524_288), 256, Scope.GLOBAL),
    Descriptor("slow_launch_time", integer(0, YEAR_SECONDS), 2, Scope.GLOBAL),
    Descriptor("slow_query_log", BOOLEAN, 0, Scope.GLOBAL),
    Descriptor("stored_program_cache", integer(16, 524_288), 256, Scope.GLOBAL),
    Descriptor("sync_binlog", integer(0, U32), 1, Scope.GLOBAL),
    Descriptor("table_definition_cache", integer(400, 524_288), 2_000, Scope.GLOBAL),
    Descriptor("table_open_cache", integer(1, 524_288), 4_000, Scope.GLOBAL),
    Descriptor("thread_cache_size", integer(0, 16_384), 9, Scope.GLOBAL),
    Descriptor("binlog_expire_logs_seconds", integer(0, U32), 2_592_000, Scope.GLOBAL),
)

FACTS: Final = (
    _fact("auto_generate_certs", False),
    _fact("basedir", "/"),
    _fact("bind_address", "*"),
    _fact("character_set_system", "utf8mb3"),
    _fact("character_sets_dir", ""),
    _fact("core_file", False),
    _fact("datadir", ""),
    _fact("default_authentication_plugin", "mysql_native_password"),
    _fact("disabled_storage_engines", ""),
    _fact("enforce_gtid_consistency", "OFF"),
    _fact("flush_caches", 0),
    _fact("ft_max_word_len", 84),
    _fact("ft_min_word_len", 4),
    _fact("gtid_executed", ""),
    _fact("gtid_mode", "OFF"),
    _fact("gtid_owned", ""),
    _fact("gtid_purged", ""),
    _fact("have_compress", "NO"),
    _fact("have_dynamic_loading", "NO"),
    _fact("have_geometry", "NO"),
    _fact("have_openssl", "DISABLED"),
    _fact("have_profiling", "NO"),
    _fact("have_query_cache", "NO"),
    _fact("have_rtree_keys", "NO"),
    _fact("have_ssl", "DISABLED"),
    _fact("have_statement_timeout", "YES"),
    _fact("have_symlink", "DISABLED"),
    _fact("innodb_autoinc_lock_mode", 2),
    _fact("innodb_buffer_pool_instances", 1),
    _fact("innodb_data_file_path", ""),
    _fact("innodb_default_row_format", "dynamic"),
    _fact("innodb_doublewrite", "OFF"),
    _fact("innodb_file_per_table", True),
    _fact("innodb_flush_log_at_trx_commit", 1),
    _fact("innodb_force_recovery", 0),
    _fact("innodb_ft_max_token_size", 84),
    _fact("innodb_ft_min_token_size", 3),
    _fact("innodb_large_prefix", True),
    _fact("innodb_rollback_on_timeout", False),
    _fact("large_files_support", True),
    _fact("locked_in_memory", False),
    _fact("log_bin", False),
    _fact("log_bin_basename", ""),
    _fact("log_bin_trust_function_creators", False),
    _fact("log_error", "stderr"),
    _fact("log_replica_updates", False),
    _fact("log_slave_updates", False),
    _fact("lower_case_file_system", False),
    _fact("lower_case_table_names", 0),
    _fact("max_digest_length", 1_024),
    _fact("max_relay_log_size", 0),
    _fact("mysqlx_port", 0),
    _fact("named_pipe", False),
    _fact("open_files_limit", 1_048_576),
    _fact("partial_revokes", False),
    _fact("performance_schema", False),
    _fact("persisted_globals_load", False),
    _fact("pid_file", ""),
    _fact("plugin_dir", ""),
    _fact("relay_log", ""),
    _fact("replica_skip_errors", "OFF"),
    _fact("secure_file_priv", None),
    _fact("server_id_bits", 32),
    _fact("skip_external_locking", True),
    _fact("skip_name_resolve", True),
    _fact("skip_networking", False),
    _fact("skip_show_database", False),
    _fact("slave_skip_errors", "OFF"),
    _fact("ssl_ca", ""),
    _fact("ssl_cert", ""),
    _fact("ssl_key", ""),
    _fact("thread_handling", "one-thread-per-connection"),
    _fact("thread_stack", 1_048_576),
    _fact("tls_version", ""),
    _fact("tmpdir", ""),
)
