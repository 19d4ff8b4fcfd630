# SPDX-License-Identifier: MPL-2.0
"""Refresh and apply of DRS overrides (vsphere_drs_vm_override).

The plugin applies one override at a time per cluster. Each override is a reconfiguration of the cluster, and vCenter
runs one reconfiguration of a cluster at a time. Terraform sends ten requests at once, and the stock provider fails on
the fault TaskInProgress.

vCenter deletes an override with its VM. The stock provider reports a deleted override as an error, so after the manual
deletion of one clone every plan of its fleet would fail. The plugin removes such an override from the state.
"""

from __future__ import annotations

from instant_clone.errors import InstantCloneError, NotFoundError
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.updates import DestroyTracker
from instant_clone.plugin.resource.vcenter_client import VcenterClient
from instant_clone.plugin.wire.codec import NULL, failed, pack, unpack
from instant_clone.plugin.wire.tfplugin5 import ApplyRequest, ApplyResponse, ReadRequest, ReadResponse
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.stock_provider.names import DRS_VM_OVERRIDE
from instant_clone.vcenter.session.busy_retry import BusyError, BusyRetry

__all__ = ["DrsOverrides"]

_WAIT_SECONDS = 1800
_BUSY = ("another task is already in progress", "taskinprogress")
"""the texts of govmomi for the fault TaskInProgress, in lower case"""


class DrsOverrides:
    """Refresh and apply DRS overrides. The class is thread-safe."""

    def __init__(
        self, stock: StockClient, vcenter: VcenterClient, destroy_tracker: DestroyTracker, identities: Identities
    ) -> None:
        """Create the object.

        Args:
            stock: the client for the stock provider.
            vcenter: the connection to vCenter.
            destroy_tracker: the VMs that this apply destroys. Terraform destroys their overrides before the VMs.
            identities: the checks that a VM is the VM of the state.
        """
        self._stock = stock
        self._destroy_tracker = destroy_tracker
        self._identities = identities
        self._vcenter = vcenter
        self._turns = BusyRetry(at_once=1)

    def read(self, request: ReadRequest) -> ReadResponse:
        """Return the stock provider's answer, or null for an override whose VM no longer exists.

        Raises:
            RefusedError: the stock provider fails, or several VMs have the BIOS UUID.
            VcenterError: vCenter rejects a request.
        """
        uuid = (unpack(request.current_state) or {}).get("virtual_machine_id")
        if isinstance(uuid, str):  # an imported state has the id only
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
            # The stock provider's answer already contains an error.
            return False
        return False

    def apply(self, request: ApplyRequest) -> ApplyResponse:
        """Apply the change when no other change of the same cluster is in progress. Return the stock provider's answer.

        Raises:
            RefusedError: the stock provider fails, or several VMs have the BIOS UUID.
            VcenterError: vCenter rejects a request.
        """
        with self._destroy_tracker.working():
            return self._apply(request)

    def _apply(self, request: ApplyRequest) -> ApplyResponse:
        prior = unpack(request.prior_state)
        values = unpack(request.planned_state) or prior or {}
        uuid = str(values.get("virtual_machine_id"))
        answers: list[ApplyResponse] = []

        def work() -> ApplyResponse:
            self._identities.require_unique_uuid(f"The VM with the UUID {uuid}", uuid)
            answer = self._stock.call("ApplyResourceChange", request, ApplyResponse)
            answers.append(answer)
            if failed(answer.diagnostics) and _is_busy(answer):
                raise BusyError
            return answer

        try:
            answer = self._turns.take(str(values.get("compute_cluster_id")), work, seconds=_WAIT_SECONDS)
        except BusyError:
            return answers[-1]
        if failed(answer.diagnostics) and prior is None:
            return self._existing_override(request) or answer
        return answer

    def _existing_override(self, request: ApplyRequest) -> ApplyResponse | None:
        """Return the planned override if an interrupted apply has already created it, or None.

        vCenter does not add an override to a VM that has one.
        """
        planned = unpack(request.planned_state) or {}
        # The format of the id is from the stock provider's documentation of the resource, "Attribute Reference".
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
    text = " ".join(f"{each.summary} {each.detail}" for each in answer.diagnostics).lower()
    return any(phrase in text for phrase in _BUSY)
