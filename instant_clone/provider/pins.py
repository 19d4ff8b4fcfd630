"""DRS overrides, one at a time per cluster.

Each is a reconfiguration of the cluster, and vCenter makes one at a time; Terraform asks for ten at once, and the stock
provider gives up when it is told TaskInProgress.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instant_clone.memo import Memo
from instant_clone.provider.messages import ApplyRequest, ApplyResponse
from instant_clone.provider.stock_client import StockClient
from instant_clone.provider.values import failed, unpack

if TYPE_CHECKING:
    from instant_clone.vcenter.turns import Turns

__all__ = ["OVERRIDE", "Pins"]

OVERRIDE = "vsphere_drs_vm_override"
_WAIT_SECONDS = 1800
_BUSY = ("another task is already in progress", "taskinprogress")
"""how govmomi tells of the fault, in lower case"""


class Pins:
    """Applies changes of DRS overrides. Safe for several threads."""

    def __init__(self, stock: StockClient) -> None:
        self._stock = stock
        self._turns: Memo[str, Turns] = Memo()

    def apply(self, request: ApplyRequest) -> ApplyResponse:
        """The stock provider's answer, when the cluster's turn has come; raises RefusedError."""
        from instant_clone.vcenter.turns import BusyError, Turns, WaitedTooLongError

        values = unpack(request.planned_state) or unpack(request.prior_state) or {}
        answers: list[ApplyResponse] = []

        def work() -> ApplyResponse:
            answer = self._stock.call("ApplyResourceChange", request, ApplyResponse)
            answers.append(answer)
            if failed(answer.diagnostics) and _is_busy(answer):
                raise BusyError
            return answer

        turns = self._turns.get("", lambda: Turns(1))
        try:
            return turns.take(str(values.get("compute_cluster_id")), work, seconds=_WAIT_SECONDS)
        except WaitedTooLongError:
            return answers[-1]


def _is_busy(answer: ApplyResponse) -> bool:
    said = " ".join(f"{each.summary} {each.detail}" for each in answer.diagnostics).lower()
    return any(word in said for word in _BUSY)
