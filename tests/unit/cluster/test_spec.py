"""The spec of a data directory: defaults, refusals, and what may not be contradicted later."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster import spec
from cluster.exits import ExitCode, OperatorError
from cluster.sizes import format_size, parse_size
from cluster.spec import Requested


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("64KiB", 65536), ("64k", 65536), ("10GiB", 10 << 30), (" 1 MiB ", 1 << 20)],
)
def test_sizes_people_write(text: str, size: int):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "ten", "4.5GiB", "-1", "10XB", "GiB"])
def test_sizes_nobody_should_write(text: str):
    with pytest.raises(ValueError, match="10GiB"):
        parse_size(text)


@given(st.integers(min_value=0, max_value=1 << 50))
def test_format_size_is_the_inverse(size: int):
    assert parse_size(format_size(size)) == size


def test_defaults_are_the_documented_ones():
    made = spec.create(Requested(), volume_id="v")
    assert (made.instances, made.tiers, made.page_size, made.segment_size) == (
        3,
        (0, 1, 1),
        4096,
        10 << 30,
    )


def test_tiers_alone_say_how_many_instances():
    assert spec.create(Requested(tiers=(0, 3)), volume_id="v").instances == 2


@pytest.mark.parametrize(
    ("requested", "names"),
    [
        (Requested(instances=0), "--instances"),
        (Requested(instances=17), "--instances"),
        (Requested(tiers=(0, 16)), "--tiers"),
        (Requested(instances=3, tiers=(0, 1)), "--tiers"),
        (Requested(page_size=5000), "--page-size"),
        (Requested(segment_size=5000), "--segment-size"),
    ],
)
def test_impossible_requests_name_the_option(requested: Requested, names: str):
    with pytest.raises(OperatorError, match=names) as caught:
        spec.create(requested, volume_id="v")
    assert caught.value.code is ExitCode.USAGE


def test_round_trip_through_json():
    made = spec.create(Requested(seed=7), volume_id="v")
    assert spec.from_json(json.loads(json.dumps(made.to_json())), where="d") == made


def test_another_format_version_is_refused_before_its_fields_are_read():
    with pytest.raises(OperatorError, match="format version 99") as caught:
        spec.from_json({"format_version": 99, "unheard": "of"}, where="d")
    assert caught.value.code is ExitCode.DATA_MISMATCH


def test_a_damaged_spec_is_named():
    with pytest.raises(OperatorError, match=r"d/cluster\.json is damaged"):
        spec.from_json({"format_version": spec.FORMAT_VERSION, "tiers": [0]}, where="d")


@pytest.mark.parametrize(
    ("requested", "line"),
    [
        (Requested(page_size=8192), "with --page-size 4096, not 8192"),
        (Requested(segment_size=1 << 20), "with --segment-size 10GiB, not 1MiB"),
        (Requested(instances=2), "with --instances 3, not 2"),
        (Requested(tiers=(0, 0, 1)), "with --tiers 0,1,1, not 0,0,1"),
        (Requested(seed=1), "without --seed, not 1"),
    ],
)
def test_contradictions_are_refused(requested: Requested, line: str):
    made = spec.create(Requested(), volume_id="v")
    with pytest.raises(OperatorError, match=line) as caught:
        spec.refuse_contradiction(made, requested, where="d")
    assert caught.value.code is ExitCode.DATA_MISMATCH


def test_repeating_what_is_so_is_fine():
    made = spec.create(Requested(), volume_id="v")
    spec.refuse_contradiction(made, Requested(instances=3, page_size=4096), where="d")


def test_two_storage_nodes_in_each_az():
    azs = [az for _, az in spec.storage_ids()]
    assert len(azs) == 6
    assert {az: azs.count(az) for az in azs} == {"a": 2, "b": 2, "c": 2}
