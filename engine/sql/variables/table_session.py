"""Pure: the system variables a session may change: behaviour, character sets, time, limits."""

from __future__ import annotations

from typing import Final

from engine.sql.types import DEFAULT_CHARSET, DEFAULT_COLLATION
from engine.sql.variables.descriptor import (
    BOOLEAN,
    NULLABLE_TEXT,
    TEXT,
    Descriptor,
    Effect,
    Scope,
    Value,
    boolean_words,
    double,
    enumeration,
    flags,
    integer,
)
from engine.sql.variables.kinds import (
    CHARSET,
    CLIENT_CHARSET,
    COLLATION,
    DEFAULT_SQL_MODE,
    ISOLATION,
    NULLABLE_CHARSET,
    SQL_MODE,
    TIME_ZONE,
    TIMESTAMP,
)

U32: Final = (1 << 32) - 1
U64: Final = (1 << 64) - 1
NO_LIMIT: Final = U64
I64: Final = (1 << 63) - 1
YEAR_SECONDS: Final = 31_536_000

OPTIMIZER_SWITCH: Final = (
    "index_merge=on,index_merge_union=on,index_merge_sort_union=on,index_merge_intersection=on,"
    "engine_condition_pushdown=on,index_condition_pushdown=on,mrr=on,mrr_cost_based=on,"
    "block_nested_loop=on,batched_key_access=off,materialization=on,semijoin=on,loosescan=on,"
    "firstmatch=on,duplicateweedout=on,subquery_materialization_cost_based=on,"
    "use_index_extensions=on,condition_fanout_filter=on,derived_merge=on,"
    "use_invisible_indexes=off,skip_scan=on,hash_join=on,subquery_to_derived=off,"
    "prefer_ordering_index=on,hypergraph_optimizer=off,derived_condition_pushdown=on"
)
_SWITCHES: Final = tuple(part.partition("=")[0] for part in OPTIMIZER_SWITCH.split(","))


def _on(name: str, default: bool, *, effect: Effect = "") -> Descriptor:
    return Descriptor(name, BOOLEAN, int(default), effect=effect)


def _number(
    name: str, default: int, low: int, high: int, *, effect: Effect = "", block: int = 1
) -> Descriptor:
    return Descriptor(name, integer(low, high, block=block), default, effect=effect)


def _word(name: str, default: str, *members: str) -> Descriptor:
    return Descriptor(name, enumeration(*members), default)


def _session(name: str, default: Value, low: int, high: int) -> Descriptor:
    return Descriptor(name, integer(low, high), default, Scope.SESSION, has_default=False)


BEHAVIOUR: Final = (
    _on("autocommit", True, effect="autocommit"),
    _on("big_tables", False),
    _word("binlog_format", "ROW", "MIXED", "STATEMENT", "ROW"),
    _word("binlog_row_image", "FULL", "MINIMAL", "NOBLOB", "FULL"),
    _on("binlog_rows_query_log_events", False),
    _word("completion_type", "NO_CHAIN", "NO_CHAIN", "CHAIN", "RELEASE"),
    _word("default_storage_engine", "InnoDB", "InnoDB"),
    _word("default_tmp_storage_engine", "InnoDB", "InnoDB"),
    _on("end_markers_in_json", False),
    _on("explicit_defaults_for_timestamp", True),
    _on("foreign_key_checks", True),
    _on("innodb_strict_mode", True),
    _on("innodb_table_locks", True),
    _on("keep_files_on_create", False),
    Descriptor("lc_messages", TEXT, "en_US"),
    Descriptor("lc_time_names", TEXT, "en_US"),
    _on("low_priority_updates", False),
    _on("new", False),
    _on("old_alter_table", False),
    Descriptor("optimizer_switch", flags(*_SWITCHES), OPTIMIZER_SWITCH),
    Descriptor("optimizer_trace", TEXT, "enabled=off,one_line=off"),
    _on("print_identified_with_as_hex", False),
    _on("profiling", False),
    _on("pseudo_slave_mode", False),
    Descriptor("rbr_exec_mode", enumeration("STRICT", "IDEMPOTENT"), "STRICT", Scope.SESSION),
    _on("require_row_format", False),
    _on("session_track_schema", True),
    _on("session_track_state_change", False),
    Descriptor(
        "session_track_system_variables",
        NULLABLE_TEXT,
        "time_zone,autocommit,character_set_client,character_set_results,character_set_connection",
    ),
    _word("session_track_gtids", "OFF", "OFF", "OWN_GTID", "ALL_GTIDS"),
    _word("session_track_transaction_info", "OFF", "OFF", "STATE", "CHARACTERISTICS"),
    _on("show_create_table_verbosity", False),
    _on("show_old_temporals", False),
    _on("sql_auto_is_null", False),
    _on("sql_big_selects", True),
    _on("sql_buffer_result", False),
    _on("sql_generate_invisible_primary_key", False),
    Descriptor("sql_log_bin", BOOLEAN, 1, Scope.SESSION),
    _on("sql_log_off", False),
    Descriptor("sql_mode", SQL_MODE, DEFAULT_SQL_MODE, effect="sql_mode"),
    _on("sql_notes", True),
    _on("sql_quote_show_create", True),
    _on("sql_require_primary_key", False),
    _on("sql_safe_updates", False),
    _on("sql_warnings", False),
    Descriptor("transaction_isolation", ISOLATION, "REPEATABLE-READ", effect="isolation"),
    Descriptor("transaction_read_only", BOOLEAN, 0, effect="read_only"),
    _on("transaction_allow_batching", False),
    _on("unique_checks", True),
    _on("updatable_views_with_limit", True),
    _word("use_secondary_engine", "ON", "OFF", "ON", "FORCED"),
    _on("windowing_use_high_precision", True),
    Descriptor("gtid_next", TEXT, "AUTOMATIC", Scope.SESSION),
    _on("show_gipk_in_create_table_and_information_schema", True),
)

TEXT_AND_TIME: Final = (
    Descriptor("character_set_client", CLIENT_CHARSET, DEFAULT_CHARSET, effect="charset"),
    Descriptor("character_set_connection", CHARSET, DEFAULT_CHARSET, effect="charset"),
    Descriptor("character_set_database", CHARSET, DEFAULT_CHARSET),
    Descriptor("character_set_filesystem", CHARSET, "binary"),
    Descriptor("character_set_results", NULLABLE_CHARSET, DEFAULT_CHARSET, effect="charset"),
    Descriptor("character_set_server", CHARSET, DEFAULT_CHARSET),
    Descriptor("collation_connection", COLLATION, DEFAULT_COLLATION, effect="charset"),
    Descriptor("collation_database", COLLATION, DEFAULT_COLLATION),
    Descriptor("collation_server", COLLATION, DEFAULT_COLLATION),
    Descriptor("default_collation_for_utf8mb4", COLLATION, DEFAULT_COLLATION),
    Descriptor("time_zone", TIME_ZONE, "SYSTEM", effect="time_zone"),
    Descriptor("timestamp", TIMESTAMP, 0.0, Scope.SESSION, effect="timestamp"),
    _number("default_week_format", 0, 0, 7),
)

LIMITS: Final = (
    _number("auto_increment_increment", 1, 1, 65_535),
    _number("auto_increment_offset", 1, 1, 65_535),
    _number("bulk_insert_buffer_size", 8_388_608, 0, U64),
    _number("connection_memory_chunk_size", 8_192, 0, 536_870_912),
    _number("connection_memory_limit", U64, 2_097_152, U64),
    _number("cte_max_recursion_depth", 1_000, 0, U32),
    _number("div_precision_increment", 4, 0, 30),
    _number("eq_range_index_dive_limit", 200, 0, U32),
    _number("generated_random_password_length", 20, 5, 255),
    _on("global_connection_memory_tracking", False),
    _number("group_concat_max_len", 1_024, 4, U64),
    _number("histogram_generation_max_mem_size", 20_000_000, 1_000_000, U64),
    _number("information_schema_stats_expiry", 86_400, 0, YEAR_SECONDS),
    _number("innodb_ddl_buffer_size", 1_048_576, 65_536, U32),
    _number("innodb_ddl_threads", 4, 1, 64),
    _number("innodb_lock_wait_timeout", 50, 1, 1_073_741_824),
    _number("innodb_parallel_read_threads", 4, 1, 256),
    _number("interactive_timeout", 28_800, 1, YEAR_SECONDS),
    _number("join_buffer_size", 262_144, 128, U64, block=128),
    _number("lock_wait_timeout", 31_536_000, 1, YEAR_SECONDS),
    Descriptor("long_query_time", double(0, YEAR_SECONDS), 10.0),
    _number("max_allowed_packet", 67_108_864, 1_024, 1_073_741_824, block=1_024),
    _number("max_delayed_threads", 20, 0, 16_384),
    _number("max_error_count", 1_024, 0, 65_535),
    _number("max_execution_time", 0, 0, U32),
    _number("max_heap_table_size", 16_777_216, 16_384, U64, block=1_024),
    _number("max_insert_delayed_threads", 20, 0, 16_384),
    _number("max_join_size", U64, 1, U64),
    _number("max_length_for_sort_data", 4_096, 4, 8_388_608),
    _number("max_points_in_geometry", 65_536, 3, 1_048_576),
    _number("max_seeks_for_key", U64, 1, U64),
    _number("max_sort_length", 1_024, 4, 8_388_608),
    _number("max_sp_recursion_depth", 0, 0, 255),
    _number("max_user_connections", 0, 0, U32),
    _number("min_examined_row_limit", 0, 0, U64),
    _number("myisam_repair_threads", 1, 1, U64),
    _number("myisam_sort_buffer_size", 8_388_608, 4_096, U64),
    _number("net_buffer_length", 16_384, 1_024, 1_048_576, block=1_024),
    _number("net_read_timeout", 30, 1, YEAR_SECONDS),
    _number("net_retry_count", 10, 1, U64),
    _number("net_write_timeout", 60, 1, YEAR_SECONDS),
    _number("optimizer_prune_level", 1, 0, 1),
    _number("optimizer_search_depth", 62, 0, 62),
    _number("optimizer_trace_limit", 1, 0, 2_147_483_647),
    _number("optimizer_trace_max_mem_size", 1_048_576, 0, U64),
    _number("optimizer_trace_offset", -1, -2_147_483_648, 2_147_483_647),
    _number("parser_max_mem_size", U64, 10_000_000, U64),
    _number("preload_buffer_size", 32_768, 1_024, 1_073_741_824),
    _number("profiling_history_size", 15, 0, 100),
    _number("query_alloc_block_size", 8_192, 1_024, U32, block=1_024),
    _number("query_prealloc_size", 8_192, 8_192, U64, block=1_024),
    _number("range_alloc_block_size", 4_096, 4_096, U32, block=1_024),
    _number("range_optimizer_max_mem_size", 8_388_608, 0, U64),
    _number("read_buffer_size", 131_072, 8_192, 2_147_479_552, block=4_096),
    _number("read_rnd_buffer_size", 262_144, 1, 2_147_483_647),
    _number("secondary_engine_cost_threshold", 100_000, 0, U64),
    _number("set_operations_buffer_size", 262_144, 16_384, 1_073_741_824),
    _number("sort_buffer_size", 262_144, 32_768, U64),
    _number("sql_select_limit", NO_LIMIT, 0, U64),
    _number("tmp_table_size", 16_777_216, 1_024, U64),
    _number("transaction_alloc_block_size", 8_192, 1_024, 131_072, block=1_024),
    _number("transaction_prealloc_size", 4_096, 1_024, 131_072, block=1_024),
    _number("wait_timeout", 28_800, 1, YEAR_SECONDS),
    _number("select_into_buffer_size", 131_072, 8_192, 2_147_479_552),
    _number("select_into_disk_sync_delay", 0, 0, YEAR_SECONDS),
    Descriptor("select_into_disk_sync", boolean_words("OFF", "ON"), "OFF"),
)

# What a session says about itself; most follow from its last statements (see `SessionVariables`).
PSEUDO: Final = (
    Descriptor("error_count", integer(0, U64), 0, Scope.SESSION, writable=False),
    Descriptor("external_user", NULLABLE_TEXT, None, Scope.SESSION, writable=False),
    _session("identity", 0, 0, U64),
    _session("insert_id", 0, 0, U64),
    _session("last_insert_id", 0, 0, U64),
    Descriptor("proxy_user", NULLABLE_TEXT, None, Scope.SESSION, writable=False),
    _session("pseudo_thread_id", 0, 0, I64),
    Descriptor("rand_seed1", integer(0, U64), 0, Scope.SESSION),
    Descriptor("rand_seed2", integer(0, U64), 0, Scope.SESSION),
    Descriptor("resultset_metadata", enumeration("NONE", "FULL"), "FULL", Scope.SESSION),
    Descriptor("warning_count", integer(0, U64), 0, Scope.SESSION, writable=False),
)
