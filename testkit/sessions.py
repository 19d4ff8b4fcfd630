# SPDX-License-Identifier: MPL-2.0
"""Count the sessions that the code of this project has left open in a simulator."""

from __future__ import annotations

from typing import cast

from pyVmomi import vim

from instant_clone.vcenter.session.connection import ConnectionSettings, connect
from testkit.simulator import Simulator

__all__ = ["sessions_of_ours"]


def sessions_of_ours(simulator: Simulator) -> int:
    """Return the number of open sessions of pyVmomi, without the session of this function.

    The sessions of the stock provider do not count: it never logs out, and vCenter ends its idle sessions.
    """
    with connect(ConnectionSettings.from_environment(simulator.environment(base={}))) as session:
        manager = cast(vim.SessionManager, session.content.sessionManager)
        current = cast(vim.UserSession, manager.currentSession).key
        return sum("pyvmomi" in found.userAgent and found.key != current for found in manager.sessionList)
