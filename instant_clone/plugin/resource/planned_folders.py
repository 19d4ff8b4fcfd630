# SPDX-License-Identifier: MPL-2.0
"""The VM folders that the plan creates: a clone may be planned into a folder that does not exist yet."""

from __future__ import annotations

from instant_clone.plugin.wire.codec import unpack
from instant_clone.plugin.wire.tfplugin5 import PlanRequest

__all__ = ["PlannedFolders"]


class PlannedFolders:
    """The paths of the planned VM folders. The class is thread-safe.

    Terraform plans a folder before the clones that refer to it.
    """

    def __init__(self) -> None:
        self._paths: set[str] = set()

    def note(self, request: PlanRequest) -> None:
        """Record the folder that `request` plans."""
        planned = unpack(request.proposed_new_state)
        path = planned.get("path") if isinstance(planned, dict) else None
        if isinstance(path, str):
            self._paths.add(path.strip("/"))

    def __contains__(self, path: object) -> bool:
        """Return whether the plan contains the folder. `path` is relative to the datacenter's VM folder."""
        return isinstance(path, str) and path.strip("/") in self._paths
