"""The clones of a source before they exist."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from instant_clone.fleet import Fleet, Source
from instant_clone.members import Member, members


def fleet(*sources: Source, **values: object) -> Fleet:
    return Fleet.model_validate(
        {"name": "web", "datacenter": "d", "datastore": "d", "resource_pool": "c/Resources", "sources": sources}
        | values
    )


def test_a_member_has_its_name_and_its_guestinfo() -> None:
    source = Source(vm="golden", count=2)
    web = fleet(
        source,
        names="web-{index:02d}",
        guestinfo={"guestinfo.hostname": "{name}", "guestinfo.id": "{fleet}/{source}/{index} {{literal}} ${{x}}"},
    )
    assert members(web, source) == (
        Member("web-00", 0, {"guestinfo.hostname": "web-00", "guestinfo.id": "web/vm/0 {literal} ${x}"}),
        Member("web-01", 1, {"guestinfo.hostname": "web-01", "guestinfo.id": "web/vm/1 {literal} ${x}"}),
    )


def test_each_source_has_the_members_with_its_indexes_in_their_order() -> None:
    first, second = Source(key="a", vm="a", members="12,0-1"), Source(key="b", vm="b", members="2")
    web = fleet(first, second)
    assert [member.name for member in members(web, first)] == ["web-0", "web-1", "web-12"]
    assert [member.name for member in members(web, second)] == ["web-2"]


def test_no_count_no_members() -> None:
    source = Source(vm="golden", count=0)
    assert members(fleet(source), source) == ()


def test_a_larger_count_leaves_the_other_members_as_they_are() -> None:
    three, four = Source(vm="golden", count=3), Source(vm="golden", count=4)
    assert members(fleet(four), four)[:3] == members(fleet(three), three)


@given(st.sets(st.integers(min_value=0, max_value=10**6), max_size=50))
def test_no_two_members_have_one_name(indexes: set[int]) -> None:
    source = Source(vm="golden", members=",".join(map(str, indexes))) if indexes else Source(vm="golden", count=0)
    names = [member.name for member in members(fleet(source), source)]
    assert names == [f"web-{index}" for index in sorted(indexes)]
