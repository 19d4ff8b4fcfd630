# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import msgpack
from pyVmomi import vim

from instant_clone.plugin.resource.prior_state import is_unread, unread_state
from instant_clone.plugin.wire.values import Plan, State
from instant_clone.vcenter.cloning.clone_task import Clone

UNKNOWN = msgpack.ExtType(0, b"")
CLONE = Clone(vim.VirtualMachine("vm-7"), "564d7b1c-0000-0000-0000-000000000007", "/DC0/vm/web-0")


def test_keeps_planned_values_and_replaces_unknown_values_with_null() -> None:
    planned = Plan(
        {
            "name": "web-0",
            "id": UNKNOWN,
            "uuid": UNKNOWN,
            "moid": UNKNOWN,
            "guest_ip_addresses": UNKNOWN,
            "disk": [{"label": "disk0", "size": 20, "device_address": UNKNOWN}],
            "clone": [],
        }
    )

    assert unread_state(planned, CLONE) == {
        "name": "web-0",
        "id": CLONE.uuid,
        "uuid": CLONE.uuid,
        "moid": None,
        "guest_ip_addresses": None,
        "disk": [{"label": "disk0", "size": 20, "device_address": None}],
        "clone": [],
    }


def test_a_state_with_a_managed_object_id_was_read() -> None:
    state = unread_state(Plan({"name": "web-0", "moid": UNKNOWN}), CLONE)

    assert is_unread(state)
    assert not is_unread(State({**state, "moid": "vm-7"}))
    assert not is_unread(State({"name": "web-0", "uuid": None, "moid": None}))
