"""A connection that logs in again when vCenter has ended its session: idle for too long, restarted, or told to."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from pyVmomi import vim, vmodl
from pyVmomi.SoapAdapter import SoapStubAdapter

__all__ = ["RenewingStub"]


class RenewingStub(SoapStubAdapter):
    """pyvmomi's connection, whose requests are sent a second time, after a new log-in, if the session has ended.

    Requests of several threads that meet the same end share one log-in. The log-in itself, and whatever comes before
    `renew_with` or after `give_up`, is sent once.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._log_in: Callable[[], object] | None = None
        self._lock = Lock()
        self._log_ins = 0

    def renew_with(self, log_in: Callable[[], object]) -> None:
        """From now on, `log_in` makes a new session; it may raise what a log-in raises."""
        self._log_in = log_in

    def give_up(self) -> None:
        """From now on, a session that has ended stays so."""
        self._log_in = None

    def InvokeMethod(self, mo: Any, info: Any, args: Any, outerStub: Any = None) -> Any:  # noqa: N802, N803 - pyvmomi's names
        """Sends a request; called by pyvmomi."""
        log_ins = self._log_ins
        try:
            answer = super().InvokeMethod(mo, info, args, outerStub)  # type: ignore[no-untyped-call]
            if not _lacks_session(answer):
                return answer
        except vim.fault.NotAuthenticated:
            if self._log_in is None or isinstance(mo, vim.SessionManager):
                raise
        self._renew(log_ins)
        return super().InvokeMethod(mo, info, args, outerStub)  # type: ignore[no-untyped-call]

    def _renew(self, log_ins: int) -> None:
        with self._lock:
            # Another thread may have done it meanwhile.
            if log_ins == self._log_ins and self._log_in is not None:
                self._log_in()
                self._log_ins += 1


def _lacks_session(answer: object) -> bool:
    """Property collectors answer all the same, object by object."""
    if not isinstance(answer, vmodl.query.PropertyCollector.RetrieveResult):
        return False
    missing = (each.fault for content in answer.objects for each in content.missingSet)
    return any(isinstance(fault, vim.fault.NotAuthenticated) for fault in missing)
