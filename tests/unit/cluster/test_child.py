"""The supervisor of one child, with real processes of a fake component."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from cluster import launcher
from cluster.child import Child, ending, write_config
from cluster.datadir import DataDir
from cluster.exits import OperatorError
from cluster.wiring import Component
from runtime.clock import SystemClock
from runtime.net import Address

PROGRAM = (sys.executable, str(Path(__file__).with_name("fake_component.py")))
LIMIT = 20.0


@pytest.fixture
async def make_child(tmp_path: Path) -> AsyncIterator[Callable[..., Child]]:
    data = DataDir.at(tmp_path)
    data.make()
    lock_fd = data.try_lock()
    assert lock_fd is not None
    made: list[Child] = []

    def make(**behaviour: Any) -> Child:
        part = Component(
            name=f"part-{len(made)}",
            kind="storage",
            address=Address("127.0.0.1", 1),
            control=Address("127.0.0.1", 1),
            az="a",
            tier=None,
            root=tmp_path,
            config=behaviour,
        )
        child = Child(part, PROGRAM, data, lock_fd, SystemClock(), lambda _: None, lambda: None)
        write_config(child, None)
        made.append(child)
        return child

    yield make
    for child in made:
        child.signal(signal.SIGKILL)
        await child.wait_ended()
    os.close(lock_fd)


async def no_signals() -> AsyncIterator[int]:
    await trio.sleep_forever()
    yield 0


async def new_pid(child: Child, old: int | None = None) -> int:
    while child.process is None or child.process.pid == old:  # noqa: ASYNC110
        await trio.sleep(0.01)
    return child.process.pid


async def test_a_killed_child_is_started_again(make_child: Callable[..., Child]):
    child = make_child()
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child.keep_running)
            await child.ready.wait()
            first = await new_pid(child)
            os.kill(first, signal.SIGKILL)
            assert await new_pid(child, first) != first
            nursery.cancel_scope.cancel()


async def test_a_first_start_that_fails_quotes_the_component(make_child: Callable[..., Child]):
    child = make_child(fail=True)
    with trio.fail_after(LIMIT), pytest.raises(OperatorError, match="free some space"):
        await child.keep_running()


async def test_end_of_standard_input_ends_the_child(make_child: Callable[..., Child]):
    child = make_child()
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child.keep_running)
            await child.ready.wait()
            nursery.cancel_scope.cancel()
        assert child.process is not None
        assert child.process.stdin is not None
        await child.process.stdin.aclose()
        await child.wait_ended()


async def test_stop_ends_deaf_and_stopped_children(
    make_child: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(launcher, "STOP_GRACE", 0.3)
    children = [make_child(), make_child(deaf=True), make_child()]
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            for child in children:
                nursery.start_soon(child.keep_running)
            for child in children:
                await child.ready.wait()
            nursery.cancel_scope.cancel()
        children[2].signal(signal.SIGSTOP)
        await launcher.stop(children, no_signals())
    assert not any(child.running for child in children)


def test_endings_in_words():
    assert ending(0) == "exited with status 0"
    assert ending(-9) == "was killed by SIGKILL"
    assert ending(-200) == "was killed by signal 200"
