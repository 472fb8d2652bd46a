"""The data directory: one holder at a time, nothing foreign overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster.datadir import MAX_SOCKET_PATH, DataDir, read_json, write_json
from cluster.exits import ExitCode, OperatorError
from cluster.spec import Requested


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    made = DataDir.at(tmp_path / "d")
    made.make()
    return made


def test_the_lock_has_one_holder(data: DataDir):
    fd = data.try_lock()
    assert fd is not None
    assert data.try_lock() is None
    assert data.is_locked()
    os.close(fd)
    assert not data.is_locked()


def test_a_directory_never_used_is_not_locked(tmp_path: Path):
    absent = DataDir.at(tmp_path / "absent")
    assert not absent.is_locked()
    assert not absent.root.exists()


def test_created_once_then_read_back(data: DataDir):
    first = data.open_or_create(Requested(instances=2), volume_id="one")
    again = data.open_or_create(Requested(), volume_id="two")
    assert again == first
    assert again.volume_id == "one"


def test_a_foreign_directory_is_left_alone(tmp_path: Path):
    (tmp_path / "letters").write_text("dear")
    with pytest.raises(OperatorError, match="not a Sixfold data directory") as caught:
        DataDir.at(tmp_path).make()
    assert caught.value.code is ExitCode.DATA_MISMATCH
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["letters"]


def test_storage_without_a_spec_is_never_given_a_new_volume(data: DataDir):
    (data.root / "storage").mkdir()
    with pytest.raises(OperatorError, match=r"no cluster\.json"):
        data.open_or_create(Requested(), volume_id="v")


def test_an_unreadable_spec_is_named(data: DataDir):
    (data.root / "cluster.json").write_text("{")
    with pytest.raises(OperatorError, match="not readable JSON"):
        data.load_spec()


def test_a_path_that_is_a_file_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot use"):
        DataDir.at(tmp_path / "file").make()


def test_json_is_replaced_whole(tmp_path: Path):
    file = tmp_path / "x.json"
    write_json(file, {"a": 1}, durable=True)
    write_json(file, {"a": 2}, durable=False)
    assert read_json(file) == {"a": 2}
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


def test_state_is_absent_until_written(data: DataDir):
    assert data.read_state() is None
    data.write_state({"launcher": None})
    assert data.read_state() == {"launcher": None}
    data.remove_state()
    assert data.read_state() is None


def test_sockets_stay_near_when_their_paths_fit():
    near = DataDir(Path("/d"))
    with near.socket_directory() as directory:
        assert directory == near.run


def test_sockets_move_to_a_short_directory_and_it_goes_away(tmp_path: Path):
    deep = DataDir(tmp_path / ("x" * MAX_SOCKET_PATH))
    with deep.socket_directory() as directory:
        assert len(os.fsencode(directory / "instance-16.sock")) <= MAX_SOCKET_PATH
        assert directory.is_dir()
    assert not directory.exists()
