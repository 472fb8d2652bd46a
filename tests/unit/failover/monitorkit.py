"""What the monitor's tests share: a settled cluster, the monitor's own RPC, a deaf detector."""

from __future__ import annotations

import trio

from failover import topology
from failover.control import MonitorControl
from failover.decision import Analysis
from failover.observe import Detector
from failover.timeouts import Timeouts
from runtime.net import Address
from tests.unit.failover.fakes import until
from wire.rpc import RpcClient, RpcError

AT_ONCE = 0.01
LIMITS = Timeouts()


async def settled(cluster, *monitors):
    """Start monitors and wait until instance-1 writes and everyone knows."""
    for monitor in monitors:
        await cluster.nursery.start(monitor.run)
    await until(lambda: cluster.writers() and all(is_steady(item) for item in monitors))
    assert cluster.writers() == ["instance-1"]
    return monitors


def is_steady(monitor):
    view = monitor.memory.view
    return (
        monitor.decision is not None
        and monitor.decision.analysis is Analysis.STEADY
        and view.topology is not None
        and not view.adopting
        and view.topology.writer == view.last_writer
        and view.topology.claim is None
    )


class Blind(Detector):
    """Hears nothing any more."""

    def on_report(self, report, now):
        return False


def is_public(attribute, _value):
    return not attribute.name.startswith("_")


def stored(cluster):
    return topology.decode(cluster.store.data)


async def ask(cluster, monitor, method, payload=None):
    """Through the monitor's own RPC."""
    runtime = cluster.runtime("client")
    control = MonitorControl(cluster.runtime("monitor"), monitor)
    refusal = None
    async with trio.open_nursery() as nursery:
        address = await nursery.start(control.server.serve, Address("127.0.0.1", 0))
        client = await RpcClient.open(runtime, address, nursery=nursery, timeout=1)
        try:
            reply = await client.call(method, payload, timeout=60)
        except RpcError as error:
            refusal = error
        nursery.cancel_scope.cancel()
    if refusal is not None:
        raise refusal
    return reply
