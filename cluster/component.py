"""Running one component in this process: config in, ready line out, stopped by signal or by its
parent.

Invariants: each kind imports only its own package, because a storage node that had to load an SQL
parser would triple the start-up time of a cluster; a component never outlives its launcher, whose
end shows as end of file on standard input.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from cluster import config
from cluster.exits import ExitCode, OperatorError
from runtime.errors import OperatingError
from runtime.seams import Runtime

READY_WORD = "ready"
Body = Callable[[Runtime, Callable[..., None]], Awaitable[None]]


def run(kind: str, file: Path) -> None:
    """Run the component until it is told to stop; raises OperatorError for what a person must
    fix.
    """
    envelope = config.load(file, kind)
    body = _BODIES[kind](envelope, str(file))
    root = Path(envelope.root)
    root.mkdir(parents=True, exist_ok=True)
    runtime = Runtime.system(root=root, seed=envelope.seed, name=envelope.name)
    # What is loaded now lives as long as the process: keep the collector from walking it again.
    gc.collect()
    gc.freeze()
    # Nearly everything a request makes is freed by reference counts: look for cycles less often.
    gc.set_threshold(20_000, 20, 20)
    try:
        trio.run(_main, body, runtime, envelope.stop_on_stdin_eof)
    except (OperatingError, BaseExceptionGroup) as error:
        raise _operator_error(error) from None


async def _main(body: Body, runtime: Runtime, stop_on_stdin_eof: bool) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, nursery.cancel_scope)
        if stop_on_stdin_eof:
            nursery.start_soon(_stop_on_eof, nursery.cancel_scope)
        await body(runtime, _announce)
        nursery.cancel_scope.cancel()


def _announce(address: object = None) -> None:
    """The line the launcher waits for; the address is for a person running one component by
    hand.
    """
    print(READY_WORD if address is None else f"{READY_WORD} {address}", flush=True)


def _operator_error(error: BaseException) -> BaseException:
    """What operation brought about becomes one line; a bug keeps its traceback."""
    found = error
    if isinstance(error, BaseExceptionGroup):
        operating, rest = error.split(OperatingError)
        if operating is None or rest is not None:
            return error
        found = operating
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
    return OperatorError(ExitCode.FAILED, str(found))


async def _stop_on_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for _ in signals:
            scope.cancel()


async def _stop_on_eof(scope: trio.CancelScope) -> None:
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stream:
        async for _ in stream:
            continue
    scope.cancel()


def _storage(envelope: config.ComponentFile, where: str) -> Body:
    from volume.node import StorageConfig, run_storage

    parsed = config.structure(envelope.config, StorageConfig, where=where)
    return lambda runtime, ready: run_storage(parsed, runtime, ready=ready)


def _instance(envelope: config.ComponentFile, where: str) -> Body:
    from engine.instance import InstanceConfig, run_instance

    parsed = config.structure(envelope.config, InstanceConfig, where=where)
    return lambda runtime, ready: run_instance(parsed, runtime, ready=ready)


def _endpoint(envelope: config.ComponentFile, where: str) -> Body:
    from endpoints.router import RouterConfig, run_router

    parsed = config.structure(envelope.config, RouterConfig, where=where)
    return lambda runtime, ready: run_router(parsed, runtime, ready=ready)


def _monitor(envelope: config.ComponentFile, where: str) -> Body:
    from failover.monitor import MonitorConfig, run_monitor

    parsed = config.structure(envelope.config, MonitorConfig, where=where)
    return lambda runtime, ready: run_monitor(parsed, runtime, ready=ready)


_BODIES: dict[str, Callable[[config.ComponentFile, str], Body]] = {
    "storage": _storage,
    "instance": _instance,
    "endpoint": _endpoint,
    "monitor": _monitor,
}
