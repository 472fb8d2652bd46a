from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.disk import DiskError, DiskFull
from runtime.osdisk import OsDisk

P = "append hot log"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
async def test_no_room_is_disk_full_and_names_the_purpose() -> None:
    file = await OsDisk(Path("/dev")).open("full", create=False, purpose=P)
    with pytest.raises(DiskFull, match=r"append hot log: no room left for /dev/full"):
        await file.append(b"x", purpose=P)
    with pytest.raises(DiskFull):
        await file.write_at(0, b"x", purpose=P)
    assert file.size == 0
    await file.close()


async def test_a_failed_append_leaves_the_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await OsDisk(tmp_path).open("log", create=True, purpose=P)
    await file.append(b"whole", purpose=P)
    real = os.pwrite

    def half_then_full(fd: int, data: bytes, offset: int) -> int:
        if offset > 5:
            raise OSError(28, "No space left on device")
        return real(fd, data[: len(data) // 2], offset)

    monkeypatch.setattr(os, "pwrite", half_then_full)
    with pytest.raises(DiskFull):
        await file.append(b"torn append", purpose=P)
    monkeypatch.undo()
    assert file.size == 5
    assert (tmp_path / "log").read_bytes() == b"whole"
    assert await file.append(b"next", purpose=P) == 5
    assert await file.read_at(0, 99, purpose=P) == b"wholenext"
    await file.close()


async def test_partial_writes_and_reads_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await OsDisk(tmp_path).open("log", create=True, purpose=P)
    pwrite, pread = os.pwrite, os.pread
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, bytes(data[:3]), at))
    monkeypatch.setattr(os, "pread", lambda fd, length, at: pread(fd, min(length, 2), at))
    await file.append(b"0123456789", purpose=P)
    assert await file.read_at(1, 7, purpose=P) == b"1234567"
    assert await file.read_at(8, 7, purpose=P) == b"89"
    await file.close()


async def test_a_failed_sync_poisons_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await OsDisk(tmp_path).open("log", create=True, purpose=P)

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("runtime.osdisk._data_sync", broken)
    with pytest.raises(DiskError, match="Input/output error"):
        await file.sync(purpose=P)
    monkeypatch.undo()
    with pytest.raises(DiskError, match="an earlier sync failed"):
        await file.sync(purpose=P)
    await file.close()


async def test_an_interrupted_atomic_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = OsDisk(tmp_path)
    await disk.write_file_atomic("doc", b"old")

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("runtime.osdisk._data_sync", broken)
    with pytest.raises(DiskError):
        await disk.write_file_atomic("doc", b"new")
    monkeypatch.undo()
    assert await disk.read_file("doc") == b"old"


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskError, match="make data directory"):
        OsDisk(tmp_path / "file" / "below")
