"""The router against fake instances with doors, in memory and on a mock clock.

No monitor runs here: the router finds the writer by itself.
"""

from __future__ import annotations

from collections import Counter

import pymysql
import pytest
import trio
from attrs import evolve

from endpoints.router import RoutedInstance, RouterConfig, run_router
from engine.handoff import SessionClosed, encode_closed
from failover.timeouts import Timeouts
from runtime.net import Address
from tests.unit.endpoints.doors import Client, Doors
from tests.unit.failover.fakes import on_mock_clock, until
from wire.rpc import RpcClient, RpcError

ANY = Address("127.0.0.1", 0)
LIMITS = Timeouts()
AT_ONCE = 0.01


class Endpoints:
    """A running router and the doors behind it."""

    def __init__(self, cluster, doors):
        self.cluster = cluster
        self.doors = doors
        self.net = cluster.runtime("client").net
        self.writer = self.reader = self.control = ANY

    async def client(self, endpoint="writer"):
        return await Client.connect(self.net, getattr(self, endpoint))

    async def ask(self, method, payload=None):
        async with trio.open_nursery() as nursery:
            client = await RpcClient.open(
                self.cluster.runtime("cli"), self.control, nursery=nursery, timeout=1
            )
            try:
                reply = await client.call(method, payload, timeout=5)
            except RpcError as error:
                reply = error
            nursery.cancel_scope.cancel()
        if isinstance(reply, RpcError):
            raise reply
        return reply

    async def held(self):
        return sum((await self.ask("status"))["held"].values())


async def start(cluster, *, forwarding="auto", timeouts=LIMITS, writer=1):
    doors = {}
    for instance in cluster.instances.values():
        doors[instance.id] = Doors(instance, handoff_path=f"/run/{instance.id}.sock")
        await instance.restart(cluster.nursery)
    if writer:
        cluster[writer].become("writer", cluster.volume.open(f"instance-{writer}"))
    made = Endpoints(cluster, doors)
    ports = [Address("127.0.0.1", port) for port in (3306, 3307, 3308)]
    config = RouterConfig(
        *ports,
        instances=tuple(
            RoutedInstance(
                i.id, "a", i.tier, i.control, ANY, doors[i.id].relay, doors[i.id].handoff_path
            )
            for i in cluster.instances.values()
        ),
        forwarding=forwarding,
        timeouts=timeouts,
    )
    running = trio.Event()
    cluster.nursery.start_soon(
        lambda: run_router(config, cluster.runtime("router"), ready=lambda _: running.set())
    )
    await running.wait()
    made.writer, made.reader, made.control = ports
    if writer:
        await (await made.client()).greeted()
    return made


WAYS = pytest.mark.parametrize("forwarding", ["handoff", "relay"])


@WAYS
@on_mock_clock(0, 1, 1)
async def test_writer_and_reader_endpoints(cluster, forwarding):
    router = await start(cluster, forwarding=forwarding)
    client = await router.client()
    assert await client.greeted() == "instance-1"
    assert forwarding.encode() in client.greeting
    assert await client.echo(b"SELECT 1") == b"SELECT 1"
    readers = Counter([await (await router.client("reader")).greeted() for _ in range(6)])
    assert readers == {"instance-2": 3, "instance-3": 3}


@WAYS
@on_mock_clock(0, 1, 1)
async def test_the_instance_is_told_who_the_client_is(cluster, forwarding):
    router = await start(cluster, forwarding=forwarding)
    client = await router.client()
    await client.greeted()
    host, _, port = client.greeting.split()[2].decode().rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 40000


@on_mock_clock(0)
async def test_the_reader_endpoint_falls_back_to_the_writer(cluster):
    router = await start(cluster)
    assert await (await router.client("reader")).greeted() == "instance-1"


@WAYS
@on_mock_clock(0, 1, 1)
async def test_a_session_ends_on_both_sides_and_is_counted(cluster, forwarding):
    router = await start(cluster, forwarding=forwarding)
    one, two = await router.client("reader"), await router.client("reader")
    await one.greeted(), await two.greeted()
    connections = (await router.ask("status"))["instances"]
    assert connections["instance-2"]["by_endpoint"] == {"writer": 0, "reader": 1}
    one.stream.close()  # the client leaves
    await two.stream.send_all(b"bye")  # the instance ends it
    assert await two.rest() == b""
    await until(lambda: router.doors["instance-2"].sessions == 0)
    await until(lambda: router.doors["instance-3"].sessions == 0)
    await trio.testing.wait_all_tasks_blocked()
    status = await router.ask("status")
    assert [i["connections"] for i in status["instances"].values()] == [1, 0, 0]


# -- cutting ---------------------------------------------------------------------------------------


@WAYS
@on_mock_clock(0, 1, 1)
async def test_a_crash_cuts_at_once(cluster, forwarding):
    router = await start(cluster, forwarding=forwarding)
    client, other = await router.client(), await router.client("reader")
    await client.greeted(), await other.greeted()
    await cluster[1].crash()
    began = trio.current_time()
    assert await client.rest() == b""
    assert trio.current_time() - began < AT_ONCE
    assert await other.echo(b"still here") == b"still here"


@WAYS
@on_mock_clock(0, 1, 1)
async def test_a_hung_instance_is_cut_although_it_never_answers(cluster, forwarding):
    router = await start(cluster, forwarding=forwarding)
    client = await router.client()
    await client.greeted()
    await client.stream.send_all(b"UPDATE")
    cluster[1].hang()
    began = trio.current_time()
    assert await client.rest() in (b"", b"UPDATE")
    assert trio.current_time() - began < LIMITS.hung_after + 0.1


@WAYS
@on_mock_clock(0, 1, 1)
async def test_demotion_cuts_the_writers_sessions_only(cluster, forwarding):
    router = await start(cluster, forwarding=forwarding)
    client, other = await router.client(), await router.client("reader")
    await client.greeted()
    where = await other.greeted()
    cluster[1].become("demoting")
    await trio.testing.wait_all_tasks_blocked()
    assert await client.echo(b"last commit") == b"last commit"
    cluster[1].become("reader")
    cluster.instances[where].become("writer", cluster.volume.open(where))
    assert await client.rest() == b""
    assert await other.echo(b"still here") == b"still here"


@on_mock_clock(0, 1, 1)
async def test_a_fenced_writer_that_does_not_know_it_is_cut(cluster):
    router = await start(cluster)
    client = await router.client()
    await client.greeted()
    cluster[1].heartbeat = 1000.0
    cluster[2].become("writer", cluster.volume.open("instance-2"))
    assert await client.rest() == b""
    assert await (await router.client()).greeted() == "instance-2"


# -- holding ---------------------------------------------------------------------------------------


@WAYS
@on_mock_clock(0, 1, 1)
async def test_new_connections_wait_for_the_promotion(cluster, forwarding):
    router = await start(cluster, forwarding=forwarding)
    await cluster[1].crash()
    clients = [await router.client() for _ in range(20)]
    await trio.sleep(5)
    status = await router.ask("status")
    assert status["held"] == {"writer": 20, "reader": 0}
    assert status["writer"] is None
    assert status["longest_wait_s"]["writer"] == pytest.approx(5, abs=0.1)
    began = trio.current_time()
    cluster[3].become("writer", cluster.volume.open("instance-3"))
    for client in clients:
        assert await client.greeted() == "instance-3"
    assert trio.current_time() - began < AT_ONCE
    assert (await router.ask("status"))["left_room"]["writer"]["served"] >= 20


@on_mock_clock(0, 1, 1)
async def test_reads_go_on_during_a_promotion(cluster):
    router = await start(cluster)
    await cluster[1].crash()
    assert await (await router.client("reader")).greeted() in ("instance-2", "instance-3")


@on_mock_clock(0, 1)
async def test_who_waited_too_long_is_told_why(cluster):
    router = await start(cluster)
    await cluster[1].crash()
    client = await router.client()
    began = trio.current_time()
    packet = await client.rest()
    assert trio.current_time() - began == pytest.approx(LIMITS.hold, abs=0.1)
    with pytest.raises(pymysql.err.OperationalError) as caught:
        pymysql.err.raise_mysql_exception(packet[4:])
    assert caught.value.args[0] == 2003
    assert "waited 30 s, instance-1, the writer, is down" in caught.value.args[1]
    client.stream.close()


@on_mock_clock(0, 1)
async def test_the_waiting_room_is_bounded(cluster):
    router = await start(cluster, timeouts=evolve(LIMITS, hold_count=3))
    await cluster[1].crash()
    await until(lambda: True)
    inside = [await router.client() for _ in range(3)]
    await trio.testing.wait_all_tasks_blocked()
    packet = await (await router.client()).rest()
    with pytest.raises(pymysql.err.OperationalError) as caught:
        pymysql.err.raise_mysql_exception(packet[4:])
    assert caught.value.args[0] == 1040
    assert await router.held() == 3
    inside[0].stream.close()
    await trio.testing.wait_all_tasks_blocked()
    assert await router.held() == 2


@on_mock_clock(0, 1)
async def test_a_client_that_talks_before_the_greeting_is_no_client(cluster):
    router = await start(cluster)
    await cluster[1].crash()
    client = await router.client()
    await client.stream.send_all(b"GET / HTTP/1.1\r\n")
    assert await client.rest() == b""
    assert await router.held() == 0


@on_mock_clock(0, 1, 1)
async def test_a_door_that_does_not_open_yet_is_tried_again(cluster):
    """The control port of a new process answers before its hand-off path listens."""
    router = await start(cluster)
    world = cluster.world
    path = router.doors["instance-1"].handoff_path
    await cluster[1].restart(cluster.nursery)
    door = world.handoffs.pop(path)
    cluster[1].become("writer", cluster.volume.open("instance-1"))
    client = await router.client()
    await trio.sleep(1)
    assert await router.held() == 1
    world.handoffs[path] = door
    assert await client.greeted() == "instance-1"


# -- draining and oddities -------------------------------------------------------------------------


@WAYS
@on_mock_clock(0, 1, 1)
async def test_draining(cluster, forwarding):
    router = await start(cluster, forwarding=forwarding)
    two = await router.client("reader")
    assert await two.greeted() == "instance-2"
    assert await router.ask("drain", {"instance": "instance-2"}) == {"connections": 1}
    for _ in range(4):
        assert await (await router.client("reader")).greeted() == "instance-3"
    assert await two.echo(b"finishing") == b"finishing"
    began = trio.current_time()
    assert await two.rest() == b""
    assert trio.current_time() - began == pytest.approx(LIMITS.drain, abs=0.1)
    await router.ask("undrain", {"instance": "instance-2"})
    assert await (await router.client("reader")).greeted() == "instance-2"
    with pytest.raises(RpcError, match="unknown instance nobody"):
        await router.ask("drain", {"instance": "nobody"})


@on_mock_clock(0, 1, 1)
async def test_no_writer_at_first(cluster):
    router = await start(cluster, writer=None)
    client = await router.client()
    await trio.sleep(1)
    assert await router.held() == 1
    cluster[1].become("writer", cluster.volume.open("instance-1"))
    assert await client.greeted() == "instance-1"


@on_mock_clock(0, 1)
async def test_a_bad_hand_off_message_is_counted_not_fatal(cluster):
    router = await start(cluster)
    client = await router.client()
    await client.greeted()
    (channel,) = router.doors["instance-1"].channels
    await channel.send(b"garbage")
    await channel.send(encode_closed(SessionClosed(999)))
    assert await client.echo(b"x") == b"x"
    assert any("handoff_bad" in line for line in cluster.log)


def test_a_router_without_a_way_is_refused():
    lacking = RoutedInstance("instance-1", "a", 0, ANY, ANY)
    with pytest.raises(ValueError, match="instance-1: forwarding relay needs relay"):
        RouterConfig(ANY, ANY, ANY, (lacking,), forwarding="relay")
    with pytest.raises(ValueError, match="needs handoff_path"):
        RouterConfig(ANY, ANY, ANY, (lacking,))
    with pytest.raises(ValueError, match="forwarding must be"):
        RouterConfig(ANY, ANY, ANY, (), forwarding="telepathy")
