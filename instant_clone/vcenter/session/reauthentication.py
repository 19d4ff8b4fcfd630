# SPDX-License-Identifier: MPL-2.0
"""A connection that logs in again after vCenter has ended its session.

vCenter ends a session that was idle for too long. A session also ends when vCenter restarts, or when an
administrator ends the session.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Lock, get_ident
from typing import Any

from pyVmomi import vim, vmodl
from pyVmomi.SoapAdapter import SoapStubAdapter

from instant_clone.vcenter.session.https import VcenterConnection
from instant_clone.vcenter.session.proxies import Proxy

__all__ = ["RenewingStub"]


class RenewingStub(SoapStubAdapter):
    """A pyvmomi connection that logs in again and repeats the request after vCenter has ended the session.

    If requests of several threads fail because the same session ended, the threads share one new login. The login
    itself, requests before `renew_with` and requests after `give_up` are sent only once.
    """

    def __init__(self, *, proxy: Proxy | None = None, **settings: Any) -> None:
        self._cookie = ""
        self._logged_in = False
        self._renewing: int | None = None
        """the id of the thread that logs in again"""
        self._log_in: Callable[[], object] | None = None
        self._lock = Lock()
        self._log_ins = 0
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        # With pyvmomi's own argument for a proxy, pyvmomi sends the headers for the proxy to vCenter, too.
        self.scheme: Any = partial(VcenterConnection, proxy=proxy)

    @property
    def cookie(self) -> str:
        """The session cookie of all requests. The name is pyvmomi's.

        Any answer may set the cookie. vCenter may send a new cookie with the answer that a request has no session. Such
        an answer may arrive after another thread has logged in, and must not replace the cookie of that login. After
        the first login, only logins set the cookie.
        """
        return self._cookie

    @cookie.setter
    def cookie(self, cookie: str) -> None:
        if not self._logged_in or self._renewing == get_ident():
            self._cookie = cookie

    def renew_with(self, log_in: Callable[[], object]) -> None:
        """Enable new logins with `log_in`. Call this after the first login. `log_in` may raise errors of a login."""
        self._log_in = log_in
        self._logged_in = True

    def give_up(self) -> None:
        """Disable new logins. A login that is in progress is followed by a logout."""
        self._log_in = None

    def InvokeMethod(self, mo: Any, info: Any, args: Any, outerStub: Any = None) -> Any:  # noqa: N802, N803 - pyvmomi's names
        """Send a request, and return the answer. pyvmomi calls this method."""
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
            # Another thread may have logged in while this thread waited for the lock.
            if log_ins != self._log_ins or log_in is None:
                return
            self._renewing = get_ident()
            try:
                log_in()
            finally:
                self._renewing = None
            self._log_ins += 1
            if self._log_in is None:
                # `give_up` was called during the login. `Session.close` may have logged out of the old session.
                with suppress(Exception):
                    vim.SessionManager("SessionManager", self).Logout()


def _lacks_session(answer: object) -> bool:
    """Return whether an answer reports a missing session. Property collectors report it per object, without a fault."""
    if not isinstance(answer, vmodl.query.PropertyCollector.RetrieveResult):
        return False
    missing = (each.fault for content in answer.objects for each in content.missingSet)
    return any(isinstance(fault, vim.fault.NotAuthenticated) for fault in missing)
