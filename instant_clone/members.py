"""The clones before they exist: their names and what their guests are told."""

from __future__ import annotations

from dataclasses import dataclass

from instant_clone.fleet import Fleet, Source, fill

__all__ = ["Member", "members"]


@dataclass(frozen=True)
class Member:
    """One clone of a source: `guestinfo` becomes its extra_config, by key."""

    name: str
    index: int
    guestinfo: dict[str, str]


def members(fleet: Fleet, source: Source) -> tuple[Member, ...]:
    """The members of `fleet` that are clones of `source`, in the order of their indexes."""
    return tuple(_member(fleet, source, index) for index in source.indexes)


def _member(fleet: Fleet, source: Source, index: int) -> Member:
    name = fleet.clone_name(index)
    values: dict[str, str | int] = {"name": name, "index": index, "source": source.key, "fleet": fleet.name}
    return Member(name, index, {key: fill(pattern, values) for key, pattern in fleet.guestinfo.items()})
