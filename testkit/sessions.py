# SPDX-License-Identifier: MPL-2.0
"""Which of the sessions that a simulator has are left open by this project."""

from __future__ import annotations

from typing import cast

from pyVmomi import vim

from instant_clone.vcenter.session.connection import ConnectionSettings, connect
from testkit.simulator import Simulator

__all__ = ["sessions_of_ours"]


def sessions_of_ours(simulator: Simulator) -> int:
    """The number of pyvmomi's sessions. The stock provider never logs out, and leaves its own to the idle time."""
    with connect(ConnectionSettings.from_environment(simulator.environment(base={}))) as session:
        manager = cast(vim.SessionManager, session.content.sessionManager)
        looking = cast(vim.UserSession, manager.currentSession).key
        return sum("pyvmomi" in found.userAgent and found.key != looking for found in manager.sessionList)
