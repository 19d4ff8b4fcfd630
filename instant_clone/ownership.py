# SPDX-License-Identifier: MPL-2.0
"""Whose a clone is: what stands in its extra_config, and tells it from a clone of another state.

A clone between its making and its way into Terraform's state is known by nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["OWNER_KEY", "Owner", "owner_marker"]

OWNER_KEY = "guestinfo.instantclone.owner"
"""the extra_config of each clone that says whose it is: OWNER/FLEET/MEMBER/SOURCE UUID/GENERATION"""


_SEPARATOR = "/"


def owner_marker(*, state: str, fleet: str, member: str, source_uuid: str, generation: int) -> str:
    """Return the marker of a clone, as `Owner.parse` reads it. Its parts may be Terraform templates."""
    return _SEPARATOR.join((state, fleet, member, source_uuid, str(generation)))


@dataclass(frozen=True)
class Owner:
    """The parts of a marker."""

    state: str
    """the id of the state's resource terraform_data.owner"""
    fleet: str
    member: str
    source_uuid: str
    generation: int

    @classmethod
    def parse(cls, marker: object) -> Owner | None:
        """What a marker says; None for anything else, such as a value that is not known yet."""
        parts = marker.split(_SEPARATOR) if isinstance(marker, str) else []
        if len(parts) != 5 or not all(parts) or not parts[4].isascii() or not parts[4].isdigit():
            return None
        state, fleet, member, source_uuid, generation = parts
        return cls(state, fleet, member, source_uuid.lower(), int(generation))

    @classmethod
    def among(cls, extra_config: object) -> Owner | None:
        """Return the owner that the extra_config of a VM or a configuration names.

        None without a marker, and for an extra_config that Terraform does not know yet.
        """
        return cls.parse(extra_config.get(OWNER_KEY)) if isinstance(extra_config, Mapping) else None

    def is_of_the_same_member(self, other: Owner) -> bool:
        """Whether both are of one member of one state's fleet, be it of another source or generation."""
        return (self.state, self.fleet, self.member) == (other.state, other.fleet, other.member)
