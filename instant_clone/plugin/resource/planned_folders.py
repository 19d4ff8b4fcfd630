# SPDX-License-Identifier: MPL-2.0
"""The folders that the same plan makes: a clone may be planned into one that is not there yet."""

from __future__ import annotations

import threading

from instant_clone.plugin.wire.codec import unpack
from instant_clone.plugin.wire.tfplugin5 import PlanRequest

__all__ = ["PlannedFolders"]

"""the resource; Terraform plans it before whatever refers to it"""


class PlannedFolders:
    """The paths of VM folders that are planned. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: set[str] = set()

    def note(self, request: PlanRequest) -> None:
        """Remembers the folder that `request` plans."""
        planned = unpack(request.proposed_new_state)
        path = planned.get("path") if isinstance(planned, dict) else None
        if isinstance(path, str):
            with self._lock:
                self._paths.add(_plain(path))

    def __contains__(self, path: object) -> bool:
        """Whether the folder at that path, relative to the datacenter's VM folder, is planned."""
        with self._lock:
            return isinstance(path, str) and _plain(path) in self._paths


def _plain(path: str) -> str:
    return path.strip("/")
