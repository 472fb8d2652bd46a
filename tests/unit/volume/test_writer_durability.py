"""SCL -> PGCL -> VCL -> VDL, with the two worked examples of the papers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from volume.durability import Durability
from volume.model import Lsn, PgId

PG0, PG1, PG2 = PgId(0), PgId(1), PgId(2)


def ack(durability, nodes, pg, scl):
    return [durability.acknowledged(node, pg, scl) for node in nodes]


def test_complete_through_1007_with_cpls_900_1000_1100_is_durable_through_1000():
    """P17, section 4.1."""
    d = Durability(Lsn(0), {PG0: Lsn(0)})
    d.logged(1, 900, [(PG0, 900)])
    d.logged(901, 1000, [(PG0, 1000)])
    d.logged(1001, 1100, [(PG0, 1100)])
    ack(d, range(4), PG0, 1007)
    assert (d.vcl, d.vdl) == (1007, 1000)
    ack(d, range(4), PG0, 1100)
    assert (d.vcl, d.vdl) == (1100, 1100)


def test_figure_3_of_the_second_paper():
    """Odd LSNs go to PG1, even ones to PG2; 105 and 106 lack a quorum."""
    d = Durability(Lsn(100), {PG1: Lsn(99), PG2: Lsn(100)})
    for lsn in range(101, 107):
        d.logged(lsn, lsn, [(PG1 if lsn % 2 else PG2, lsn)])
    ack(d, range(6), PG1, 103)
    ack(d, range(6), PG2, 104)
    ack(d, range(3), PG1, 105)
    ack(d, range(3), PG2, 106)
    assert (d.pgcl(PG1), d.pgcl(PG2)) == (103, 104)
    assert (d.vcl, d.vdl) == (104, 104)


def test_vdl_moves_with_the_fourth_acknowledgement_and_not_before():
    d = Durability(Lsn(0), {PG0: Lsn(0)})
    d.logged(1, 3, [(PG0, 3)])
    assert ack(d, range(4), PG0, 3) == [False, False, False, True]
    assert d.vdl == 3
    assert d.undurable_mtrs == 0


def test_an_mtr_over_two_groups_needs_both():
    d = Durability(Lsn(0), {PG0: Lsn(0), PG1: Lsn(0)})
    d.logged(1, 4, [(PG0, 2), (PG1, 4)])
    ack(d, range(4), PG1, 4)
    assert (d.vcl, d.vdl) == (0, 0)
    ack(d, range(4), PG0, 1)
    assert (d.vcl, d.vdl) == (1, 0)
    ack(d, range(4), PG0, 2)
    assert (d.vcl, d.vdl) == (4, 4)


def test_a_segment_that_lost_its_disk_takes_nothing_back():
    d = Durability(Lsn(0), {PG0: Lsn(0)})
    d.logged(1, 1, [(PG0, 1)])
    ack(d, range(4), PG0, 1)
    d.acknowledged(0, PG0, 0)
    d.logged(2, 2, [(PG0, 2)])
    assert d.vdl == 1
    assert ack(d, (1, 2, 3), PG0, 2) == [False, False, False]
    assert d.acknowledged(0, PG0, 2)


def test_a_new_group_starts_at_zero():
    d = Durability(Lsn(7), {PG0: Lsn(7)})
    d.add_group(PG1)
    d.logged(8, 8, [(PG1, 8)])
    ack(d, range(3), PG1, 8)
    assert d.vdl == 7
    d.acknowledged(5, PG1, 8)
    assert d.vdl == 8


mtrs = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=4, unique=True).map(sorted),
    min_size=1,
    max_size=8,
)


@given(mtrs, st.data())
def test_points_match_their_definitions(groups_of_mtrs, data):
    """Against the definitions taken literally: sets of LSNs per segment."""
    groups = [PgId(n) for n in range(3)]
    d = Durability(Lsn(0), {pg: Lsn(0) for pg in groups})
    pg_of, cpls, lsn = {}, [], 0
    for touched in groups_of_mtrs:
        first, ends = lsn + 1, []
        for pg in touched:
            for _ in range(data.draw(st.integers(1, 2))):
                lsn += 1
                pg_of[lsn] = pg
            ends.append((pg, lsn))
        cpls.append(lsn)
        d.logged(first, lsn, ends)
    scl = {(node, pg): 0 for node in range(6) for pg in groups}
    for _ in range(data.draw(st.integers(0, 40))):
        node, pg = data.draw(st.sampled_from(sorted(scl)))
        ahead = [x for x in pg_of if pg_of[x] == pg and x > scl[node, pg]]
        if not ahead:
            continue
        scl[node, pg] = data.draw(st.sampled_from(ahead))
        before = d.vdl
        moved = d.acknowledged(node, pg, scl[node, pg])
        assert moved == (d.vdl > before)
        durable = {x: sum(scl[n, pg_of[x]] >= x for n in range(6)) >= 4 for x in pg_of}
        vcl = next((x - 1 for x in sorted(durable) if not durable[x]), lsn)
        assert d.vcl == vcl
        assert d.vdl == max([c for c in cpls if c <= vcl], default=0)
