# SPDX-License-Identifier: MPL-2.0
"""Tests of sessions through a proxy on loopback, and of certificates for other hosts."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from instant_clone.errors import ConnectError
from instant_clone.vcenter.session.connection import ConnectionSettings, connect, open_session
from instant_clone.vcenter.session.https import VcenterConnection
from instant_clone.vcenter.session.proxies import Proxy
from testkit.simulator import Simulator
from tests.instant_clone.vcenter.conftest import settings_of

CREDENTIALS = "Basic YW5uOnNlc2FtZQ=="
"""ann:sesame"""


class ConnectProxy(ThreadingHTTPServer):
    """An HTTP proxy that connects each CONNECT request to `target`, and records the requests."""

    daemon_threads = True

    def __init__(self, target: str, *, status: int = 200, credentials: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Connecting)
        host, _, port = target.rpartition(":")
        self.target, self.status, self.credentials = (host, int(port)), status, credentials
        self.asked: list[tuple[str, str | None]] = []
        """target and Host of the requests so far"""

    def settings(self, user: str | None = None, password: str = "") -> Proxy:
        """Return the proxy as HTTPS_PROXY would name it."""
        return Proxy("127.0.0.1", self.server_port, user, password)


class _Connecting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        proxy = self.server
        assert isinstance(proxy, ConnectProxy)
        proxy.asked.append((self.path, self.headers["Host"]))
        if proxy.credentials is not None and self.headers["Proxy-Authorization"] != proxy.credentials:
            self.send_error(407)
            return
        if proxy.status != 200:
            self.send_error(proxy.status)
            return
        with socket.create_connection(proxy.target) as server:
            self.send_response(200, "Connection established")
            self.end_headers()
            back = threading.Thread(target=_copy, args=(server, self.connection))
            back.start()
            _copy(self.connection, server)
            back.join()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has this name
        """Write no log."""


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def proxy_to(target: str, *, status: int = 200, credentials: str | None = None) -> Iterator[ConnectProxy]:
    with ConnectProxy(target, status=status, credentials=credentials) as proxy:
        serving = threading.Thread(target=proxy.serve_forever)
        serving.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            serving.join()


@pytest.mark.simulator
def test_session_goes_through_the_proxy(simulator: Simulator) -> None:
    """The name vcenter.example does not exist, so only the proxy can connect to the simulator."""
    with proxy_to(simulator.address, credentials=CREDENTIALS) as proxy:
        environ = {
            **simulator.environment({}),
            "VSPHERE_SERVER": "vcenter.example",
            "HTTPS_PROXY": f"http://ann:sesame@127.0.0.1:{proxy.server_port}",
        }
        with connect(ConnectionSettings.from_environment(environ)) as session:
            assert session.content.about.version == "7.0.3"
            assert simulator.sessions() == 1
    assert simulator.sessions() == 0
    assert set(proxy.asked) == {("vcenter.example:443", "vcenter.example:443")}


@pytest.mark.simulator
def test_requests_to_vcenter_do_not_contain_the_proxy_credentials(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    send = VcenterConnection.send

    def record(connection: VcenterConnection, data: bytes) -> None:
        sent.append(data)
        send(connection, data)

    monkeypatch.setattr(VcenterConnection, "send", record)
    with proxy_to(simulator.address, credentials=CREDENTIALS) as proxy:
        settings = dataclasses.replace(settings_of(simulator), proxy=proxy.settings("ann", "sesame"))
        with connect(settings):
            pass
    assert any(b"Host: 127.0.0.1:" in data for data in sent)
    assert not any(b"proxy-authorization" in data.lower() for data in sent)


@pytest.mark.parametrize(
    ("server", "asked"),
    [
        ("[fd00::7]:8443", "[fd00::7]:8443"),
        ("bücher.example", "xn--bcher-kva.example:443"),
        ("192.0.2.7", "192.0.2.7:443"),
    ],
)
def test_connect_request_has_host_and_port_in_http_form(server: str, asked: str) -> None:
    with proxy_to("127.0.0.1:1", status=403) as proxy:
        settings = ConnectionSettings(server, "ann", "sesame", proxy=proxy.settings())
        with pytest.raises(ConnectError):
            open_session(settings)
    assert proxy.asked == [(asked, asked)]


def failure(proxy: Proxy, timeout: float = 30) -> str:
    """Return the error message of a session through the proxy."""
    with pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings("vcenter.example", "ann", "secret", timeout=timeout, proxy=proxy))
    assert "hush" not in str(caught.value)
    return str(caught.value)


CHECK = "Check HTTPS_PROXY, or add the host to NO_PROXY for a direct connection."


def test_reports_a_proxy_that_refuses() -> None:
    with proxy_to("127.0.0.1:1", status=403) as proxy:
        assert failure(proxy.settings("bob", "hush")) == (
            f"vcenter.example: no connection through the proxy 127.0.0.1:{proxy.server_port}: the proxy answers with "
            f"403 Forbidden. {CHECK}"
        )


def test_reports_a_proxy_that_refuses_the_user() -> None:
    with proxy_to("127.0.0.1:1", credentials=CREDENTIALS) as proxy:
        assert failure(proxy.settings("bob", "hush")) == (
            f"vcenter.example: no connection through the proxy 127.0.0.1:{proxy.server_port}: the proxy answers with "
            "407 Proxy Authentication Required. Set the user and the password of the proxy in HTTPS_PROXY "
            "(http://user:password@host:port)."
        )


def test_reports_an_unreachable_proxy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert failure(Proxy("127.0.0.1", port, "bob", "hush")) == (
        f"vcenter.example: no connection through the proxy 127.0.0.1:{port}: Connection refused. {CHECK}"
    )


def test_reports_a_proxy_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert failure(Proxy("127.0.0.1", port), timeout=0.2) == (
            f"vcenter.example: no connection through the proxy 127.0.0.1:{port}: the proxy did not answer in time. "
            f"{CHECK}"
        )


def test_reports_an_unknown_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert failure(Proxy("proxy.example", 3128)) == (
        "vcenter.example: no connection through the proxy proxy.example:3128: the name of the proxy cannot be "
        f"resolved. {CHECK}"
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "the answer is not from an HTTP proxy"),
        (b"", "Remote end closed connection without response"),
    ],
)
def test_reports_a_server_that_is_not_a_proxy(answer: bytes, reason: str) -> None:
    def serve() -> None:
        connection, _ = other.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        serving = threading.Thread(target=serve)
        serving.start()
        assert failure(Proxy("127.0.0.1", port)) == (
            f"vcenter.example: no connection through the proxy 127.0.0.1:{port}: {reason}. {CHECK}"
        )
        serving.join()


@contextlib.contextmanager
def server_with_certificate(folder: Path, names: Sequence[x509.GeneralName], *, valid: bool = True) -> Iterator[str]:
    """Serve TLS with a self-signed certificate for `names`. The certificate is in the file server.pem in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "photon-machine")])
    now = datetime.datetime.now(datetime.UTC)
    hour = datetime.timedelta(hours=1)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - 2 * hour)
        .not_valid_after(now + (hour if valid else -hour))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    pem = serialization.Encoding.PEM
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + builder.sign(key, hashes.SHA256()).public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Silent) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


class _Silent(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has this name
        """Write no log."""


DNS = [x509.DNSName(f"vc{number}.lab.example") for number in range(1, 8)]
RENAME = (
    "Set VSPHERE_SERVER to a name in the certificate, or set VSPHERE_ALLOW_UNVERIFIED_SSL=true to skip the "
    "verification."
)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (DNS[:1], "the certificate is for vc1.lab.example, not for 127.0.0.1."),
        (
            [*DNS[:1], x509.IPAddress(ipaddress.ip_address("192.0.2.7")), x509.RFC822Name("ops@lab.example")],
            "the certificate is for vc1.lab.example, 192.0.2.7, not for 127.0.0.1.",
        ),
        (
            DNS,
            "the certificate is for vc1.lab.example, vc2.lab.example, vc3.lab.example, vc4.lab.example, "
            "vc5.lab.example and 2 more, not for 127.0.0.1.",
        ),
        ([], "the certificate is not for 127.0.0.1."),
    ],
)
def test_names_the_hosts_of_a_certificate_for_another_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[x509.GeneralName], text: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with server_with_certificate(tmp_path, names) as server, pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings(server, "ann", "sesame"))
    assert str(caught.value) == f"{server}: {text} {RENAME}"


def test_names_the_hosts_of_a_certificate_behind_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with server_with_certificate(tmp_path, DNS[:1]) as server, proxy_to(server) as proxy:
        with pytest.raises(ConnectError) as caught:
            open_session(ConnectionSettings("vcenter.example", "ann", "sesame", proxy=proxy.settings()))
        assert proxy.asked == [("vcenter.example:443", "vcenter.example:443")] * 2
    assert str(caught.value) == (
        f"vcenter.example: the certificate is for vc1.lab.example, not for vcenter.example. {RENAME}"
    )


def test_does_not_report_the_names_of_an_untrusted_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with server_with_certificate(tmp_path, DNS[:1]) as server, pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings(server, "ann", "sesame"))
    assert str(caught.value).startswith(f"{server}: the certificate is not trusted: self-signed certificate. Set SSL_")


def test_reports_a_certificate_that_has_expired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    with server_with_certificate(tmp_path, names, valid=False) as server, pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings(server, "ann", "sesame"))
    assert str(caught.value) == (
        f"{server}: the certificate is not trusted: certificate has expired."
        " Check the clock of this machine, renew the server's certificate,"
        " or set VSPHERE_ALLOW_UNVERIFIED_SSL=true to skip the verification."
    )
