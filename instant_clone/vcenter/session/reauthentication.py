# SPDX-License-Identifier: MPL-2.0
"""A connection that logs in again when vCenter has ended its session: idle for too long, restarted, or told to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Lock, get_ident
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
        self._cookie = ""
        self._logged_in = False
        self._renewing: int | None = None
        """the thread that logs in again"""
        self._log_in: Callable[[], object] | None = None
        self._lock = Lock()
        self._log_ins = 0
        super().__init__(**settings)  # type: ignore[no-untyped-call]

    @property
    def cookie(self) -> str:
        """The session, as each request names it and as any answer may set it; pyvmomi's name.

        vCenter may hand a new one to whoever comes without a session, with the very answer that there is none. Such an
        answer may come after another thread has logged in, whose session it must not replace: from the first log-in on,
        only log-ins set it.
        """
        return self._cookie

    @cookie.setter
    def cookie(self, cookie: str) -> None:
        if not self._logged_in or self._renewing == get_ident():
            self._cookie = cookie

    def renew_with(self, log_in: Callable[[], object]) -> None:
        """From now on, when a session is there, `log_in` makes a new one; it may raise what a log-in raises."""
        self._log_in = log_in
        self._logged_in = True

    def give_up(self) -> None:
        """From now on, a session that has ended stays so; a log-in that is under way is followed by a log-out."""
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
            log_in = self._log_in
            # Another thread may have done it meanwhile.
            if log_ins != self._log_ins or log_in is None:
                return
            self._renewing = get_ident()
            try:
                log_in()
            finally:
                self._renewing = None
            self._log_ins += 1
            if self._log_in is None:
                # Who gave up may have logged out of the session before.
                with suppress(Exception):
                    vim.SessionManager("SessionManager", self).Logout()


def _lacks_session(answer: object) -> bool:
    """Property collectors answer all the same, object by object."""
    if not isinstance(answer, vmodl.query.PropertyCollector.RetrieveResult):
        return False
    missing = (each.fault for content in answer.objects for each in content.missingSet)
    return any(isinstance(fault, vim.fault.NotAuthenticated) for fault in missing)
