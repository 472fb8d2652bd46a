"""Whose data directory this is: a small format file in its root, checked before anything else.

Refusals are one line that says what is wrong and what to do.
"""

from __future__ import annotations

import json
from typing import Any

from runtime.disk import Disk
from volume.errors import FormatMismatch, WrongVolume
from volume.model import VolumeConfig

FORMAT = "sixfold-storage"
VERSION = 1
FILE = "format.json"


async def claim(disk: Disk, node_id: str, volume: VolumeConfig) -> None:
    """Lock the directory; create its format file, or check that it is this node's."""
    await disk.lock("lock")
    if await disk.exists(FILE):
        _check(_parse(await disk.read_file(FILE)), node_id, volume)
        return
    await _check_unused(disk)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "volume_id": volume.volume_id,
        "node_id": node_id,
        "page_size": volume.page_size,
        "segment_size": volume.segment_size,
    }
    await disk.write_file_atomic(FILE, json.dumps(content, indent=1).encode() + b"\n")


async def _check_unused(disk: Disk) -> None:
    names = [n for n in await disk.listdir("") if n.startswith("pg-") or n == "document"]
    if names:
        raise FormatMismatch(
            f"the data directory holds {names[0]} but no {FILE}: restore that file,"
            " or start with an empty directory and let the node catch up from its peers"
        )


def _parse(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise FormatMismatch(
            f"{FILE} in the data directory is not a storage node's: use another directory"
        )
    return value


def _check(found: dict[str, Any], node_id: str, volume: VolumeConfig) -> None:
    if found.get("version") != VERSION:
        raise FormatMismatch(
            f"the data directory has format version {found.get('version')}, this program reads"
            f" {VERSION}: run the version that wrote it, or use an empty directory"
        )
    wanted = {
        "volume_id": volume.volume_id,
        "node_id": node_id,
        "page_size": volume.page_size,
        "segment_size": volume.segment_size,
    }
    for key, value in wanted.items():
        if found.get(key) != value:
            raise WrongVolume(
                f"the data directory belongs to {key} {found.get(key)}, this node is configured"
                f" for {value}: correct the configuration or use another directory"
            )
