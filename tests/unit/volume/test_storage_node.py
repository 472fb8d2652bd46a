"""One storage node over its wire: promises survive, nonsense is refused, the node lives on."""

from __future__ import annotations

import pytest
import trio
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from runtime.disk import DiskError, DiskFull, DiskInUse
from tests.fakes.disk import MemoryDisk, Platter
from tests.fakes.runtime import fake_runtime
from tests.unit.volume.history import History
from tests.unit.volume.storage_cluster import HandWriter, Nodes, volume_config
from volume import datadir, messages
from volume.errors import BadRequest, FormatMismatch, StorageBroken, WrongVolume, from_wire
from volume.messages import Document, EpochRaised, NodeStatus, RaiseEpoch, WriteDocument
from volume.model import TruncationRange
from volume.node import StorageConfig, StorageNode
from wire.rpc import RpcError


@pytest.fixture
async def nodes():
    async with trio.open_nursery() as nursery:
        made = Nodes(nursery, volume_config(count=1))
        await made.start_all()
        yield made
        nursery.cancel_scope.cancel()


async def test_promises_and_records_survive_a_crash(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await writer.open(3, [0])
    await writer.send(history, history.write(6), [0])
    writer.vdl = 4
    await writer.send(history, [], [0])
    await nodes.crash(0)
    await nodes.start(0)
    request = RaiseEpoch("v", 0, 4, "next").encode()
    raised = EpochRaised.decode(await writer.call(0, messages.RAISE_EPOCH, request))
    assert (raised.scl, raised.truncations) == (6, ())
    assert raised.vdl <= 4
    assert raised.tail[-1] == (6, True)
    assert raised.last + len(raised.tail) == 6
    with pytest.raises(RpcError) as refusal:
        await writer.send(history, [], [0])
    error = from_wire(refusal.value.code, refusal.value.message, refusal.value.details)
    assert (error.current, error.owner) == (4, "next")


async def test_an_append_before_any_attach_says_so(autojump_clock, nodes):
    writer = HandWriter(nodes, epoch=1)
    with pytest.raises(RpcError, match="need_attach"):
        await writer.send(History(), [], [0])


async def test_requests_for_another_volume_are_refused(autojump_clock, nodes):
    stranger = HandWriter(nodes)
    for method, rest in (
        (messages.STATUS, []),
        (messages.RAISE_EPOCH, [0, 9, "x"]),
        (messages.TRUNCATE, [0, 9, [9, 0, 1]]),
        (messages.ATTACH, [0, 9, "x", []]),
        (messages.APPEND, [0, 9, 0, 0, 0, b""]),
        (messages.READ_PAGE, [0, 0, 0]),
        (messages.READ_COPY, [0, 0, 0]),
        (messages.FETCH_LOG, [0, 0, 1]),
        (messages.FETCH_PAGES, [0, 0, 1]),
        (messages.DOC_READ, []),
        (messages.DOC_WRITE, [0, 1, b""]),
    ):
        with pytest.raises(RpcError, match="wrong_volume"):
            await stranger.call(0, method, ["other", *rest])
    assert not nodes.running[0].node.hosting.segments


METHODS = [
    messages.STATUS,
    messages.RAISE_EPOCH,
    messages.TRUNCATE,
    messages.ATTACH,
    messages.APPEND,
    messages.READ_PAGE,
    messages.READ_COPY,
    messages.FETCH_LOG,
    messages.FETCH_PAGES,
    messages.DOC_READ,
    messages.DOC_WRITE,
]
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(max_size=5)
    | st.binary(max_size=40)
    | st.just("v"),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(METHODS), junk, st.booleans()), max_size=12))
def test_whatever_comes_the_node_answers_and_lives_on(requests):
    async def run() -> None:
        async with trio.open_nursery() as nursery:
            nodes = Nodes(nursery, volume_config(count=1))
            await nodes.start_all()
            history, writer = History(), HandWriter(nodes)
            await writer.open(2**64 - 2, [0])
            for method, payload, prefixed in requests:
                if prefixed:
                    payload = ["v", 0, *(payload if isinstance(payload, list) else [payload])]
                try:
                    await writer.call(0, method, payload)
                except RpcError as error:
                    assert error.code != "internal", (method, payload)
            assert not nodes.problems()
            writer.epoch = 2**64 - 1
            await writer.open(2**64 - 1, [0])
            await writer.send(history, history.write(3), [0])
            assert nodes.segment(0).scl == 3
            nursery.cancel_scope.cancel()

    trio.run(run, clock=MockClock(autojump_threshold=0))


async def test_a_full_disk_refuses_and_loses_nothing(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await writer.open(1, [0])
    await writer.send(history, history.write(3), [0])
    disk = nodes.running[0].node._runtime.disk
    disk.fail("append hot log", lambda: DiskFull("no room left"))
    lsns = history.write(3)
    for _ in range(3):
        with pytest.raises(RpcError, match="storage_full"):
            await writer.send(history, lsns, [0])
    disk.heal()
    assert await writer.send(history, lsns, [0]) == [6]
    await nodes.crash(0)
    await nodes.start(0)
    assert nodes.segment(0).scl == 6


async def test_a_failed_sync_ends_the_node(autojump_clock):
    platter = Platter()
    with pytest.RaisesGroup(StorageBroken):
        async with trio.open_nursery() as nursery:
            nodes = Nodes(nursery, volume_config(count=1), platters={0: platter})
            await nodes.start_all()
            history, writer = History(), HandWriter(nodes)
            await writer.open(1, [0])
            await writer.send(history, history.write(3), [0])
            nodes.running[0].node._runtime.disk.fail(
                "sync hot log", lambda: DiskError("bad sector")
            )
            with pytest.raises(RpcError, match="storage_broken"):
                await writer.send(history, history.write(3), [0])
            await trio.sleep_forever()
    async with trio.open_nursery() as nursery:
        nodes.nursery = nursery
        platter.crash()
        await nodes.start_all()
        assert nodes.segment(0).scl == 3
        nursery.cancel_scope.cancel()


async def test_the_document_is_compared_and_set(autojump_clock, nodes):
    writer = HandWriter(nodes)

    async def write(expected: int, generation: int, data: bytes) -> object:
        request = WriteDocument("v", expected, generation, data)
        return await writer.call(0, messages.DOC_WRITE, request.encode())

    async def read() -> Document:
        return Document.decode(await writer.call(0, messages.DOC_READ, ["v"]))

    assert await read() == Document(0, b"")
    assert await write(0, 1, b"one") == [1]
    assert await write(0, 1, b"one") == [1]
    with pytest.raises(RpcError, match="conflict") as refusal:
        await write(0, 1, b"two")
    assert refusal.value.details == {"generation": 1}
    await write(1, 2, b"two")
    await nodes.crash(0)
    await nodes.start(0)
    assert await read() == Document(2, b"two")
    with pytest.raises(RpcError, match="bad_request"):
        await write(2, 2, b"same generation")


async def test_a_damaged_document_counts_as_no_vote_and_is_reported(autojump_clock, nodes):
    writer = HandWriter(nodes)
    await writer.call(0, messages.DOC_WRITE, WriteDocument("v", 0, 1, b"one").encode())
    await nodes.crash(0)
    nodes.platters[0].files["document"].data[-1] ^= 1
    await nodes.start(0)
    assert await writer.call(0, messages.DOC_READ, ["v"]) == [0, b""]
    assert "document_damaged" in nodes.problems()[0]


async def test_status_tells_where_each_segment_is(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await writer.open(2, [0])
    await writer.commit(history, 5, [0])
    await writer.send(history, history.write(2)[1:], [0])
    status = NodeStatus.decode(await writer.call(0, messages.STATUS, ["v"]))
    segment = status.segments[0]
    assert (status.node_id, status.az, status.state) == ("s0", "a", "serving")
    assert (segment.epoch, segment.owner, segment.scl, segment.vdl) == (2, "writer", 5, 5)
    assert segment.high_lsn == 7
    assert status.counters["appends"] == 2


async def test_log_that_was_collected_says_so(autojump_clock, nodes):
    history, writer = History(), HandWriter(nodes)
    await writer.open(1, [0])
    await writer.commit(history, 20, [0])
    await trio.sleep(3)
    replica = nodes.hosted(0).replica
    replica.log.file_bytes = 1
    await writer.commit(history, 1, [0])
    await trio.sleep(3)
    await replica.collect_log(0)
    with pytest.raises(RpcError, match="out_of_log") as refusal:
        await writer.call(0, messages.FETCH_LOG, ["v", 0, 3, 1000])
    assert refusal.value.details["low"] >= 20


# -- whose directory ---------------------------------------------------------------------------


def config(**changes: object) -> StorageConfig:
    volume = evolve(volume_config(), **changes)
    return StorageConfig("s0", "a", volume.nodes[0].address, volume)


async def open_with(platter: Platter, wanted: StorageConfig) -> None:
    disk = MemoryDisk(platter)
    try:
        await StorageNode(wanted, fake_runtime(disk=disk)).open()
    finally:
        disk.close()


@pytest.mark.parametrize("field", ["volume_id", "page_size", "segment_size"])
async def test_the_directory_of_another_volume_is_refused(field):
    platter = Platter()
    await open_with(platter, config())
    other = {"volume_id": "other", "page_size": 1024, "segment_size": 1 << 20}[field]
    with pytest.raises(WrongVolume) as refusal:
        await open_with(platter, config(**{field: other}))
    assert "use another directory" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    await open_with(platter, config())


async def test_another_format_version_is_refused():
    platter = Platter()
    await open_with(platter, config())
    data = platter.files[datadir.FILE].data
    data[:] = data.replace(b'"version": 1', b'"version": 9')
    with pytest.raises(FormatMismatch, match="format version 9, this program reads 1: run"):
        await open_with(platter, config())


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", b'{"format": "something else"}'])
async def test_a_foreign_format_file_is_refused(content):
    platter = Platter()
    await MemoryDisk(platter).write_file_atomic(datadir.FILE, content)
    with pytest.raises(FormatMismatch, match="use another directory"):
        await open_with(platter, config())


async def test_segments_without_a_format_file_are_refused():
    platter = Platter()
    await open_with(platter, config())
    del platter.files[datadir.FILE]
    platter.directories.add("pg-00000000")
    with pytest.raises(FormatMismatch, match="restore that file"):
        await open_with(platter, config())


async def test_a_directory_in_use_is_refused():
    platter = Platter()
    await StorageNode(config(), fake_runtime(disk=MemoryDisk(platter))).open()
    with pytest.raises(DiskInUse):
        await open_with(platter, config())


def test_a_node_must_be_a_member_of_its_volume():
    volume = volume_config()
    with pytest.raises(ValueError, match="not in the volume's list"):
        StorageConfig("s9", "a", volume.nodes[0].address, volume)


# -- messages ----------------------------------------------------------------------------------

VALUES = [
    EpochRaised(9, 7, 6, (TruncationRange(1, 2, 3),), ((8, False), (9, True))),
    messages.LogPart(b"x", 1, 2, 3, 4, 5, "o", (TruncationRange(1, 2, 3),)),
    messages.PagesPart(((1, 2, b"p"),), 7, 3),
    messages.PagesPart((), None, 0),
    messages.PageVersion(0, None),
    messages.Attach("v", 1, 2, "o", (TruncationRange(1, 2, 3),)),
    messages.Truncate("v", 1, 2, TruncationRange(1, 2, 3)),
    messages.FetchPages("v", 1, 2, 3),
    messages.FetchLog("v", 1, 2, 3),
    messages.ReadPage("v", 1, 2, 3),
    WriteDocument("v", 1, 2, b"d"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_messages_read_back(value):
    assert type(value).decode(value.encode()) == value


@given(junk)
def test_nonsense_is_a_bad_request(payload):
    kinds = {type(value) for value in VALUES} | {NodeStatus}
    for kind in kinds:
        try:
            kind.decode(payload)
        except BadRequest:
            continue
    try:
        messages.decode_append(payload)
    except BadRequest:
        return
