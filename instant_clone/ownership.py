# SPDX-License-Identifier: MPL-2.0
"""The owner of a clone: a marker in the extra_config of the clone identifies the state, the fleet and the member.

Until Terraform stores a new clone in the state, only the marker identifies the clone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["OWNER_KEY", "Owner", "owner_marker"]

OWNER_KEY = "guestinfo.instantclone.owner"
"""The extra_config key of the marker. The value is OWNER ID/FLEET/MEMBER/SOURCE UUID/GENERATION."""

_SEPARATOR = "/"


def owner_marker(*, state: str, fleet: str, member: str, source_uuid: str, generation: int) -> str:
    """Return the marker of a clone in the format that `Owner.parse` reads. The arguments can be Terraform templates."""
    return _SEPARATOR.join((state, fleet, member, source_uuid, str(generation)))


@dataclass(frozen=True)
class Owner:
    """The parsed marker of a clone."""

    state: str
    """The owner ID: the id of the resource terraform_data.owner in the state."""
    fleet: str
    member: str
    source_uuid: str
    generation: int

    @classmethod
    def parse(cls, marker: object) -> Owner | None:
        """Return the owner for a marker, or None for any other value, such as an unknown value of a plan."""
        parts = marker.split(_SEPARATOR) if isinstance(marker, str) else []
        if len(parts) != 5 or not all(parts) or not parts[4].isascii() or not parts[4].isdigit():
            return None
        state, fleet, member, source_uuid, generation = parts
        return cls(state, fleet, member, source_uuid.lower(), int(generation))

    @classmethod
    def among(cls, extra_config: object) -> Owner | None:
        """Return the owner from the extra_config of a VM or a configuration.

        Return None for an extra_config without a marker, and for an extra_config that is unknown in the plan.
        """
        return cls.parse(extra_config.get(OWNER_KEY)) if isinstance(extra_config, Mapping) else None

    def is_of_the_same_member(self, other: Owner) -> bool:
        """Return whether the state, fleet and member are equal. The source and the generation can differ."""
        return (self.state, self.fleet, self.member) == (other.state, other.fleet, other.member)
