from __future__ import annotations

import re
from collections import Counter

from runtime.rng import Rng


def draw(rng: Rng) -> list[object]:
    items = list(range(10))
    rng.shuffle(items)
    return [rng.random(), rng.uniform(2, 3), rng.randrange(100), rng.choice("abc"), items]


def test_the_same_seed_and_path_give_the_same_numbers() -> None:
    assert draw(Rng(7, "a/b")) == draw(Rng(7).child("a").child("b"))
    assert Rng(7, "a").randbytes(100) == Rng(7, "a").randbytes(100)
    assert Rng(7, "a").uuid() == Rng(7, "a").uuid()


def test_seed_and_path_both_matter() -> None:
    draws = [draw(Rng(seed, path)) for seed in (1, 2) for path in ("", "a", "b", "a/b")]
    assert all(draws.count(one) == 1 for one in draws)


def test_a_child_does_not_depend_on_draws_from_its_parent() -> None:
    parent = Rng(1)
    before = draw(parent.child("x"))
    parent.random()
    parent.randbytes(9)
    assert draw(parent.child("x")) == before


def test_bytes_come_in_any_length_and_never_repeat() -> None:
    rng = Rng(1)
    assert [len(rng.randbytes(n)) for n in (0, 1, 63, 64, 65, 1000)] == [0, 1, 63, 64, 65, 1000]
    assert len({rng.randbytes(8) for _ in range(1000)}) == 1000
    counts = Counter(Rng(2).randbytes(256 * 200))
    assert len(counts) == 256


def test_uuids_are_version_4() -> None:
    form = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    rng = Rng(3)
    assert all(form.fullmatch(rng.uuid()) for _ in range(100))
