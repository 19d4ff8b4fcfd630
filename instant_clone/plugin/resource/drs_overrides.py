# SPDX-License-Identifier: MPL-2.0
"""DRS overrides: applied one at a time per cluster, and gone with their VMs.

Each is a reconfiguration of the cluster, and vCenter makes one at a time; Terraform asks for ten at once, and the stock
provider gives up when it is told TaskInProgress. An override ends with its VM, which the stock provider takes for an
error: one clone deleted by hand, and no plan of its fleet would succeed any more.
"""

from __future__ import annotations

from instant_clone.errors import InstantCloneError, NotFoundError
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.updates import Departures
from instant_clone.plugin.resource.vcenter_client import VcenterClient
from instant_clone.plugin.wire.codec import NULL, failed, pack, unpack
from instant_clone.plugin.wire.tfplugin5 import ApplyRequest, ApplyResponse, ReadRequest, ReadResponse
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.stock_provider.names import DRS_VM_OVERRIDE
from instant_clone.vcenter.session.busy_retry import BusyError, Turns, WaitedTooLongError

__all__ = ["Pins"]

_WAIT_SECONDS = 1800
_BUSY = ("another task is already in progress", "taskinprogress")
"""how govmomi tells of the fault, in lower case"""


class Pins:
    """Refreshes DRS overrides, and applies changes of them. Safe for several threads."""

    def __init__(
        self, stock: StockClient, vcenter: VcenterClient, departures: Departures, identities: Identities
    ) -> None:
        """`departures` are the VMs that this apply destroys, which it does once their overrides are gone."""
        self._stock = stock
        self._departures = departures
        self._identities = identities
        self._vcenter = vcenter
        self._turns = Turns(at_once=1)

    def read(self, request: ReadRequest) -> ReadResponse:
        """The stock provider's answer; null for an override whose VM is gone.

        Raises RefusedError, also for one whose VM's UUID is not unique, and VcenterError.
        """
        uuid = (unpack(request.current_state) or {}).get("virtual_machine_id")
        if isinstance(uuid, str):  # right after an import there is only an id
            self._identities.before_refresh(f"The VM with the UUID {uuid}", uuid)
        answer = self._stock.call("ReadResource", request, ReadResponse)
        if failed(answer.diagnostics) and self._is_gone(str(uuid)):
            return ReadResponse(new_state=NULL)
        return answer

    def _is_gone(self, uuid: str) -> bool:
        try:
            self._vcenter.live_vm(uuid)
        except NotFoundError:
            return True
        except InstantCloneError:
            # Of this, the stock provider has told.
            return False
        return False

    def apply(self, request: ApplyRequest) -> ApplyResponse:
        """The stock provider's answer, when the cluster's turn has come; raises RefusedError, VcenterError."""
        with self._departures.working():
            return self._apply(request)

    def _apply(self, request: ApplyRequest) -> ApplyResponse:
        prior = unpack(request.prior_state)
        values = unpack(request.planned_state) or prior or {}
        uuid = str(values.get("virtual_machine_id"))
        answers: list[ApplyResponse] = []

        def work() -> ApplyResponse:
            self._identities.searched_uuid(f"The VM with the UUID {uuid}", uuid)
            answer = self._stock.call("ApplyResourceChange", request, ApplyResponse)
            answers.append(answer)
            if failed(answer.diagnostics) and _is_busy(answer):
                raise BusyError
            return answer

        try:
            answer = self._turns.take(str(values.get("compute_cluster_id")), work, seconds=_WAIT_SECONDS)
        except WaitedTooLongError:
            return answers[-1]
        if failed(answer.diagnostics) and prior is None:
            return self._in_place(request) or answer
        return answer

    def _in_place(self, request: ApplyRequest) -> ApplyResponse | None:
        """The override that is planned, if an interrupted apply has made it: vCenter adds none to a VM that has one."""
        planned = unpack(request.planned_state) or {}
        # The stock provider's id (its documentation of the resource, "Attribute Reference").
        known = planned | {"id": f"{planned.get('compute_cluster_id')}:{planned.get('virtual_machine_id')}"}
        read = self._stock.call(
            "ReadResource",
            ReadRequest(type_name=DRS_VM_OVERRIDE, current_state=pack(known), provider_meta=request.provider_meta),
            ReadResponse,
        )
        if failed(read.diagnostics) or unpack(read.new_state) != known:
            return None
        return ApplyResponse(new_state=read.new_state, private=read.private, legacy_type_system=True)


def _is_busy(answer: ApplyResponse) -> bool:
    said = " ".join(f"{each.summary} {each.detail}" for each in answer.diagnostics).lower()
    return any(word in said for word in _BUSY)
