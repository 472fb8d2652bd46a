"""Log files: bounded, and quotable when a component refused to start."""

from __future__ import annotations

import os
from pathlib import Path

from cluster import logs


def test_rotation_keeps_the_childs_descriptor_usable(tmp_path: Path):
    file = tmp_path / "x.log"
    fd = logs.open_for_child(file)
    os.write(fd, b"old\n" * 10)
    assert not logs.rotate_if_large(file, limit=1000)
    assert logs.rotate_if_large(file, limit=10)
    os.write(fd, b"new\n")
    os.close(fd)
    assert file.read_bytes() == b"new\n"
    assert (tmp_path / "x.log.1").read_bytes() == b"old\n" * 10


def test_a_missing_log_is_no_trouble(tmp_path: Path):
    assert not logs.rotate_if_large(tmp_path / "none.log")
    assert logs.last_line(tmp_path / "none.log") == ""


def test_last_line_is_of_this_start_only(tmp_path: Path):
    file = tmp_path / "x.log"
    file.write_text("earlier trouble\n")
    start = file.stat().st_size
    assert logs.last_line(file, start) == ""
    with file.open("a") as log:
        log.write("first\nport 3306 is taken\n\n")
    assert logs.last_line(file, start) == "port 3306 is taken"
