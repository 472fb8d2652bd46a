"""Pure: column lists of information_schema's tables about the server, its users and its engine,
and of the performance_schema tables that clients read.

Source: MySQL 8.0 Reference Manual, chapters 26 and 27; Aurora User Guide, "Aurora MySQL-specific
information_schema tables" for REPLICA_HOST_STATUS.
"""

from __future__ import annotations

from typing import Final

SERVER: Final = """
ADMINISTRABLE_ROLE_AUTHORIZATIONS: USER varchar(97), HOST varchar(256), GRANTEE varchar(97),
 GRANTEE_HOST varchar(256), ROLE_NAME varchar(255), ROLE_HOST varchar(256),
 IS_GRANTABLE varchar(3)!, IS_DEFAULT varchar(3), IS_MANDATORY varchar(3)!
APPLICABLE_ROLES: USER varchar(97), HOST varchar(256), GRANTEE varchar(97),
 GRANTEE_HOST varchar(256), ROLE_NAME varchar(255), ROLE_HOST varchar(256),
 IS_GRANTABLE varchar(3)!, IS_DEFAULT varchar(3), IS_MANDATORY varchar(3)!
CHARACTER_SETS: CHARACTER_SET_NAME word!, DEFAULT_COLLATE_NAME word!, DESCRIPTION varchar(2048)!,
 MAXLEN uint!
COLLATIONS: COLLATION_NAME word!, CHARACTER_SET_NAME word!, ID ubigint!, IS_DEFAULT varchar(3)!,
 IS_COMPILED varchar(3)!, SORTLEN uint!, PAD_ATTRIBUTE varchar(9)!
COLLATION_CHARACTER_SET_APPLICABILITY: COLLATION_NAME word!, CHARACTER_SET_NAME word!
COLUMN_PRIVILEGES: GRANTEE varchar(292)!, TABLE_CATALOG varchar(512)!, TABLE_SCHEMA name!,
 TABLE_NAME name!, COLUMN_NAME word!, PRIVILEGE_TYPE word!, IS_GRANTABLE varchar(3)!
ENABLED_ROLES: ROLE_NAME varchar(255), ROLE_HOST varchar(255), IS_DEFAULT varchar(3),
 IS_MANDATORY varchar(3)!
ENGINES: ENGINE word!, SUPPORT varchar(8)!, COMMENT varchar(80)!, TRANSACTIONS varchar(3),
 XA varchar(3), SAVEPOINTS varchar(3)
INNODB_CMP: page_size int!, compress_ops int!, compress_ops_ok int!, compress_time int!,
 uncompress_ops int!, uncompress_time int!
INNODB_CMPMEM: page_size int!, buffer_pool_instance int!, pages_used int!, pages_free int!,
 relocation_ops bigint!, relocation_time int!
INNODB_METRICS: NAME varchar(193)!, SUBSYSTEM varchar(193)!, COUNT bigint!, MAX_COUNT bigint,
 MIN_COUNT bigint, AVG_COUNT double, COUNT_RESET bigint!, MAX_COUNT_RESET bigint,
 MIN_COUNT_RESET bigint, AVG_COUNT_RESET double, TIME_ENABLED datetime, TIME_DISABLED datetime,
 TIME_ELAPSED bigint, TIME_RESET datetime, STATUS varchar(193)!, TYPE varchar(193)!,
 COMMENT varchar(193)!
INNODB_TRX: trx_id ubigint!, trx_state varchar(13)!, trx_started datetime!,
 trx_requested_lock_id varchar(126), trx_wait_started datetime, trx_weight ubigint!,
 trx_mysql_thread_id ubigint!, trx_query varchar(1024), trx_operation_state varchar(64),
 trx_tables_in_use ubigint!, trx_tables_locked ubigint!, trx_lock_structs ubigint!,
 trx_lock_memory_bytes ubigint!, trx_rows_locked ubigint!, trx_rows_modified ubigint!,
 trx_concurrency_tickets ubigint!, trx_isolation_level varchar(16)!, trx_unique_checks int!,
 trx_foreign_key_checks int!, trx_last_foreign_key_error varchar(256),
 trx_adaptive_hash_latched int!, trx_adaptive_hash_timeout ubigint!, trx_is_read_only int!,
 trx_autocommit_non_locking int!, trx_schedule_weight ubigint
KEYWORDS: WORD varchar(128), RESERVED int
OPTIMIZER_TRACE: QUERY varchar(65535)!, TRACE varchar(65535)!,
 MISSING_BYTES_BEYOND_MAX_MEM_SIZE int!, INSUFFICIENT_PRIVILEGES tinyint(1)!
PLUGINS: PLUGIN_NAME word!, PLUGIN_VERSION varchar(20)!, PLUGIN_STATUS varchar(10)!,
 PLUGIN_TYPE varchar(80)!, PLUGIN_TYPE_VERSION varchar(20)!, PLUGIN_LIBRARY word,
 PLUGIN_LIBRARY_VERSION varchar(20), PLUGIN_AUTHOR varchar(64), PLUGIN_DESCRIPTION varchar(65535),
 PLUGIN_LICENSE varchar(80), LOAD_OPTION varchar(64)!
PROCESSLIST: ID ubigint!, USER varchar(32)!, HOST varchar(261)!, DB varchar(64),
 COMMAND varchar(16)!, TIME int!, STATE varchar(64), INFO varchar(65535)
PROFILING: QUERY_ID int!, SEQ int!, STATE varchar(30)!, DURATION double!, CPU_USER double,
 CPU_SYSTEM double, CONTEXT_VOLUNTARY int, CONTEXT_INVOLUNTARY int, BLOCK_OPS_IN int,
 BLOCK_OPS_OUT int, MESSAGES_SENT int, MESSAGES_RECEIVED int, PAGE_FAULTS_MAJOR int,
 PAGE_FAULTS_MINOR int, SWAPS int, SOURCE_FUNCTION varchar(30), SOURCE_FILE varchar(20),
 SOURCE_LINE int
REPLICA_HOST_STATUS: SERVER_ID varchar(100)!, SESSION_ID varchar(100)!,
 LAST_UPDATE_TIMESTAMP datetime(6), REPLICA_LAG_IN_MILLISECONDS double,
 MASTER_SLAVE_LATENCY_IN_MICROSECONDS ubigint, LOG_STREAM_SPEED_IN_KiB_PER_SECOND double,
 CURRENT_REPLAY_LATENCY_IN_MICROSECONDS ubigint, CPU double, IS_CURRENT tinyint(1)
RESOURCE_GROUPS: RESOURCE_GROUP_NAME word!, RESOURCE_GROUP_TYPE varchar(6)!,
 RESOURCE_GROUP_ENABLED tinyint(1)!, VCPU_IDS blob, THREAD_PRIORITY int!
ROLE_COLUMN_GRANTS: GRANTOR varchar(97), GRANTOR_HOST varchar(256), GRANTEE varchar(32)!,
 GRANTEE_HOST varchar(255)!, TABLE_CATALOG varchar(3)!, TABLE_SCHEMA name!, TABLE_NAME name!,
 COLUMN_NAME word!, PRIVILEGE_TYPE varchar(31)!, IS_GRANTABLE varchar(3)!
ROLE_ROUTINE_GRANTS: GRANTOR varchar(97), GRANTOR_HOST varchar(256), GRANTEE varchar(32)!,
 GRANTEE_HOST varchar(255)!, SPECIFIC_CATALOG varchar(3)!, SPECIFIC_SCHEMA name!,
 SPECIFIC_NAME word!, ROUTINE_CATALOG varchar(3)!, ROUTINE_SCHEMA name!, ROUTINE_NAME word!,
 PRIVILEGE_TYPE varchar(27)!, IS_GRANTABLE varchar(3)!
ROLE_TABLE_GRANTS: GRANTOR varchar(97), GRANTOR_HOST varchar(256), GRANTEE varchar(32)!,
 GRANTEE_HOST varchar(255)!, TABLE_CATALOG varchar(3)!, TABLE_SCHEMA name!, TABLE_NAME name!,
 PRIVILEGE_TYPE varchar(98)!, IS_GRANTABLE varchar(3)!
SCHEMA_PRIVILEGES: GRANTEE varchar(292)!, TABLE_CATALOG varchar(512)!, TABLE_SCHEMA name!,
 PRIVILEGE_TYPE word!, IS_GRANTABLE varchar(3)!
ST_SPATIAL_REFERENCE_SYSTEMS: SRS_NAME varchar(80)!, SRS_ID uint!, ORGANIZATION varchar(256),
 ORGANIZATION_COORDSYS_ID uint, DEFINITION varchar(4096)!, DESCRIPTION varchar(2048)
ST_UNITS_OF_MEASURE: UNIT_NAME varchar(255), UNIT_TYPE varchar(7), CONVERSION_FACTOR double,
 DESCRIPTION varchar(255)
TABLE_PRIVILEGES: GRANTEE varchar(292)!, TABLE_CATALOG varchar(512)!, TABLE_SCHEMA name!,
 TABLE_NAME name!, PRIVILEGE_TYPE word!, IS_GRANTABLE varchar(3)!
USER_ATTRIBUTES: USER varchar(32)!, HOST varchar(255)!, ATTRIBUTE longtext
USER_PRIVILEGES: GRANTEE varchar(292)!, TABLE_CATALOG varchar(512)!, PRIVILEGE_TYPE word!,
 IS_GRANTABLE varchar(3)!
"""

PERFORMANCE: Final = """
global_status: VARIABLE_NAME varchar(64)!, VARIABLE_VALUE varchar(1024)
global_variables: VARIABLE_NAME varchar(64)!, VARIABLE_VALUE varchar(1024)
metadata_locks: OBJECT_TYPE varchar(64)!, OBJECT_SCHEMA name, OBJECT_NAME name, COLUMN_NAME word,
 OBJECT_INSTANCE_BEGIN ubigint!, LOCK_TYPE varchar(32)!, LOCK_DURATION varchar(32)!,
 LOCK_STATUS varchar(32)!, SOURCE varchar(64), OWNER_THREAD_ID ubigint, OWNER_EVENT_ID ubigint
processlist: ID ubigint!, USER varchar(32), HOST varchar(261), DB varchar(64),
 COMMAND varchar(16), TIME bigint, STATE varchar(64), INFO longtext, EXECUTION_ENGINE varchar(9)
session_account_connect_attrs: PROCESSLIST_ID ubigint!, ATTR_NAME varchar(32)!,
 ATTR_VALUE varchar(1024), ORDINAL_POSITION int
session_connect_attrs: PROCESSLIST_ID ubigint!, ATTR_NAME varchar(32)!, ATTR_VALUE varchar(1024),
 ORDINAL_POSITION int
session_status: VARIABLE_NAME varchar(64)!, VARIABLE_VALUE varchar(1024)
session_variables: VARIABLE_NAME varchar(64)!, VARIABLE_VALUE varchar(1024)
threads: THREAD_ID ubigint!, NAME varchar(128)!, TYPE varchar(10)!, PROCESSLIST_ID ubigint,
 PROCESSLIST_USER varchar(32), PROCESSLIST_HOST varchar(255), PROCESSLIST_DB varchar(64),
 PROCESSLIST_COMMAND varchar(16), PROCESSLIST_TIME bigint, PROCESSLIST_STATE varchar(64),
 PROCESSLIST_INFO longtext, PARENT_THREAD_ID ubigint, ROLE varchar(64),
 INSTRUMENTED varchar(3)!, HISTORY varchar(3)!, CONNECTION_TYPE varchar(16), THREAD_OS_ID ubigint
"""
