"""Pure: status variables: what the instance counts, for SHOW STATUS and performance_schema.

Only what this server knows. Counters of MySQL's own machinery that has no counterpart here are
left out rather than shown as zero, except those every monitoring agent divides by.
"""

from __future__ import annotations

from engine.info import InstanceInfo


def status_rows(info: InstanceInfo, connection_id: int = 0) -> list[tuple[str, str]]:
    """Name and value in the order of the names."""
    sessions = info.sessions
    uptime = int(info.uptime())
    running = sum(process.command not in ("Sleep", "Daemon") for process in sessions.processes())
    values: dict[str, object] = {
        "Aurora_volume_epoch": info.epoch,
        "Aurora_volume_vdl": info.vdl,
        "Aurora_replica_lag_ms": f"{0.0 if info.is_writer() else info.lag_ms:.3f}",
        "Compression": "OFF",
        "Connections": sessions.total,
        "Prepared_stmt_count": sessions.prepared,
        "Queries": sessions.questions,
        "Questions": sessions.questions,
        "Ssl_cipher": "",
        "Ssl_version": "",
        "Threads_cached": 0,
        "Threads_connected": len(sessions),
        "Threads_created": sessions.total,
        "Threads_running": max(running, 1),
        "Uptime": uptime,
        "Uptime_since_flush_status": uptime,
    }
    if connection_id:
        own = sessions.find(connection_id)
        if own is not None:
            values["Questions"] = own.questions
    return [(name, str(value)) for name, value in sorted(values.items())]
