"""What went wrong below SQL, as the MySQL error a client understands."""

from __future__ import annotations

import apsw

from engine.errors import (
    SqlError,
    commit_outcome_unknown,
    error,
    lock_wait_timeout,
    query_interrupted,
    read_only_instance,
    server_shutdown,
    storage_unavailable,
)
from engine.txn.errors import (
    Interrupted,
    LockWaitTimeout,
    OutcomeUnknown,
    ReadOnlyInstance,
    SessionCut,
    StoreError,
)
from volume.errors import Fenced, NotWritable, StaleEpoch, VolumeError

# What the layers below raise on purpose; anything else is a bug and not translated.
FAULTS = (apsw.Error, StoreError, VolumeError)


def as_sql_error(problem: BaseException) -> SqlError:
    """The error to send for an exception of `FAULTS`."""
    if isinstance(problem, apsw.InterruptError | Interrupted):
        return query_interrupted()
    if isinstance(problem, LockWaitTimeout):
        return lock_wait_timeout()
    if isinstance(problem, ReadOnlyInstance):
        return read_only_instance()
    if isinstance(problem, SessionCut):
        return server_shutdown()
    if isinstance(problem, OutcomeUnknown):
        return commit_outcome_unknown(problem.message)
    if isinstance(problem, StoreError):
        return storage_unavailable(problem.message)
    if isinstance(problem, Fenced | NotWritable | StaleEpoch):
        return read_only_instance()
    if isinstance(problem, VolumeError):
        return storage_unavailable(str(problem))
    assert isinstance(problem, apsw.Error)
    return _of_sqlite(problem)


def _of_sqlite(problem: apsw.Error) -> SqlError:
    text = str(problem)
    if "integer overflow" in text:
        return error(1690, "BIGINT", "sum")
    if isinstance(problem, apsw.TooBigError):
        return error(1153)
    if isinstance(problem, apsw.NoMemError):
        return error(1041)
    if isinstance(problem, apsw.FullError):
        return error(1114, "")
    cause = problem.__cause__ or problem.__context__
    if isinstance(cause, StoreError | VolumeError):  # raised inside a page read
        return as_sql_error(cause)
    return SqlError(1815, "HY000", f"Internal error: {type(problem).__name__}: {text}")
