# SPDX-License-Identifier: MPL-2.0
"""HTTPS connections to vCenter, directly or through an HTTP proxy."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from typing import Any

from instant_clone.vcenter.session.proxies import Proxy, ascii_name

__all__ = ["CertificateNameError", "ProxyError", "VcenterConnection", "tls_context"]

_WRONG_NAME = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (openssl/x509_vfy.h)"""
_NAMES = frozenset({"DNS", "IP Address"})


class ProxyError(OSError):
    """The proxy is not reachable, or does not connect to vCenter."""

    def __init__(self, proxy: Proxy, reason: str, *, status: int | None = None) -> None:
        super().__init__(f"{proxy}: {reason}")
        self.proxy, self.reason, self.status = proxy, reason, status


class CertificateNameError(OSError):
    """The certificate of the server is not for the host. `names` are the names and addresses in the certificate."""

    def __init__(self, host: str, names: tuple[str, ...]) -> None:
        super().__init__(host, names)
        self.host, self.names = host, names


class VcenterConnection(HTTPSConnection):
    """A connection to a server, with CONNECT through an HTTP proxy (RFC 9110, 9.3.6) if `proxy` is set.

    `connect` raises ProxyError for a problem with the proxy, and CertificateNameError for a certificate of other hosts.
    """

    def __init__(
        self, host: str, port: int, *, timeout: float, context: ssl.SSLContext, proxy: Proxy | None = None
    ) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._tls, self._seconds, self._proxy = context, timeout, proxy

    def connect(self) -> None:
        """Open the connection and verify the certificate. http.client and pyvmomi call this method."""
        try:
            if self._proxy is None:
                super().connect()
            else:
                self.sock = self._tls.wrap_socket(self._connect_through_proxy(self._proxy), server_hostname=self.host)
        except ssl.SSLCertVerificationError as error:
            if error.verify_code not in _WRONG_NAME:
                raise
            raise CertificateNameError(self.host, self._certificate_names()) from error

    def _connect_through_proxy(self, proxy: Proxy) -> socket.socket:
        """Return a socket that the proxy has connected to the server."""
        try:
            sock = socket.create_connection((proxy.host, proxy.port), self._seconds)
        except OSError as error:
            raise ProxyError(proxy, _reason(error)) from error
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(self._connect_request(proxy))
            answer = HTTPResponse(sock, method="CONNECT")
            try:
                answer.begin()
            finally:
                # This call closes the response, not the socket.
                answer.close()
            if answer.status != HTTPStatus.OK:
                what = f"the proxy answers with {answer.status} {answer.reason}".rstrip()
                raise ProxyError(proxy, what, status=answer.status)
        except (OSError, HTTPException) as error:
            sock.close()
            if isinstance(error, ProxyError):
                raise
            raise ProxyError(proxy, _reason(error)) from error
        return sock

    def _connect_request(self, proxy: Proxy) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else ascii_name(self.host)
        server = f"{host}:{self.port}"
        headers = {"Host": server, **proxy.headers()}
        lines = [f"CONNECT {server} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")

    def _certificate_names(self) -> tuple[str, ...]:
        """Return the names in the certificate of the server. Verify its authority, and send no request."""
        context = tls_context(verify=True, check_name=False)
        probe = VcenterConnection(self.host, self.port, timeout=self._seconds, context=context, proxy=self._proxy)
        try:
            with suppress(OSError):
                probe.connect()
                certificate: dict[str, Any] = probe.sock.getpeercert() or {}
                return tuple(name for kind, name in certificate.get("subjectAltName", ()) if kind in _NAMES)
        finally:
            probe.close()
        return ()


def tls_context(*, verify: bool, check_name: bool = True) -> ssl.SSLContext:
    """Return the TLS settings for vCenter.

    `verify` enables the check of the authority, and `check_name` enables the check of the host name.
    """
    if not verify:
        # The default context loads the machine's certificate authorities, which cost 1.5 MB in each plugin.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context = ssl.create_default_context()
    context.check_hostname = check_name
    # Since Python 3.13, the default context refuses certificates without extensions that RFC 5280 requires. The vSphere
    # provider accepts such certificates, and vCenter's certificate authority has issued some of them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "the proxy did not answer in time"
    if isinstance(error, socket.gaierror):
        return "the name of the proxy cannot be resolved"
    if isinstance(error, HTTPException) and not isinstance(error, OSError):
        return "the answer is not from an HTTP proxy"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
