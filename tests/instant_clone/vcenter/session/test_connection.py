# SPDX-License-Identifier: MPL-2.0
"""Tests of connection settings, login, logout and errors of a server."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pyVmomi import vim

from instant_clone.errors import ConnectError, LoginError, VcenterError
from instant_clone.vcenter.session.connection import (
    ConnectionSettings,
    Session,
    connect,
    open_session,
    require_instant_clone,
)
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.instant_clone.vcenter.conftest import settings_of

COMPLETE = {"VSPHERE_SERVER": "vcenter.example", "VSPHERE_USER": "ann@vsphere.local", "VSPHERE_PASSWORD": "sesame"}


def test_reads_the_variables_of_the_provider() -> None:
    assert ConnectionSettings.from_environment(COMPLETE) == ConnectionSettings(
        server="vcenter.example",
        user="ann@vsphere.local",
        password="sesame",
        allow_unverified_ssl=False,
        timeout=30,
    )


def test_reports_all_missing_or_invalid_variables_in_one_error() -> None:
    with pytest.raises(ConnectError) as caught:
        ConnectionSettings.from_environment({"VSPHERE_SERVER": "", "VSPHERE_ALLOW_UNVERIFIED_SSL": "yes"})
    assert str(caught.value) == (
        "VSPHERE_SERVER is not set. Set it to vCenter's host, or host:port.\n"
        "VSPHERE_USER is not set. Set it to the user who logs in.\n"
        "VSPHERE_PASSWORD is not set. Set it to that user's password.\n"
        "VSPHERE_ALLOW_UNVERIFIED_SSL must be true or false, not 'yes'. Set it to true, or unset it."
    )


@pytest.mark.parametrize(
    ("text", "unverified"),
    [
        *((text, True) for text in ("1", "t", "T", "TRUE", "true", "True")),
        *((text, False) for text in ("", "0", "f", "F", "FALSE", "false", "False")),
    ],
)
def test_verifies_certificates_unless_go_parses_the_variable_as_true(text: str, unverified: bool) -> None:
    settings = ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_ALLOW_UNVERIFIED_SSL": text})
    assert settings.allow_unverified_ssl is unverified


@pytest.mark.parametrize("text", ["yes", "tRUE", " true", "2"])
def test_rejects_a_value_that_go_does_not_parse_as_a_boolean(text: str) -> None:
    with pytest.raises(ConnectError, match="VSPHERE_ALLOW_UNVERIFIED_SSL must be true or false"):
        ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_ALLOW_UNVERIFIED_SSL": text})


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("vcenter.example", ("vcenter.example", 443)),
        ("vcenter.example:8443", ("vcenter.example", 8443)),
        ("192.0.2.1:8443", ("192.0.2.1", 8443)),
        ("[2001:db8::1]", ("2001:db8::1", 443)),
        ("[2001:db8::1]:8443", ("2001:db8::1", 8443)),
    ],
)
def test_server_is_a_host_with_an_optional_port(server: str, address: tuple[str, int]) -> None:
    assert ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_SERVER": server}).address == address


@pytest.mark.parametrize(
    "server",
    [
        "https://vcenter.example",
        "vcenter.example/sdk",
        "vcenter.example:https",
        "host:0",
        "host:65536",
        "vcenter..example",
        "a b",
        "[host]",
    ],
)
def test_rejects_a_malformed_server(server: str) -> None:
    with pytest.raises(ConnectError) as caught:
        ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_SERVER": server})
    assert str(caught.value) == (
        f'VSPHERE_SERVER must be host or host:port, not {server!r}. Use the form "vcenter.example:443".'
    )


@pytest.mark.parametrize("server", ["fd00::1", "2001:db8::1:443", "::ffff:192.0.2.1"])
def test_rejects_an_ipv6_address_without_brackets(server: str) -> None:
    """The stock provider uses the part after the last colon as the port."""
    message = (
        f"VSPHERE_SERVER must have brackets around an IPv6 address, not '{server}'."
        f' Use the form "[{server}]", or "[{server}]:443" with a port.'
    )
    with pytest.raises(ConnectError) as caught:
        ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_SERVER": server})
    assert str(caught.value) == message
    with pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings(server, "ann", "sesame"))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("minutes", "seconds"), [("", 30), ("1", 60), ("5", 300), ("35792", 1_000_000), ("99999999", 1_000_000)]
)
def test_time_out_is_a_number_of_minutes(minutes: str, seconds: float) -> None:
    settings = ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_API_TIMEOUT": minutes})
    assert settings.timeout == seconds
    with socket.socket() as accepting:
        accepting.settimeout(settings.timeout)


@pytest.mark.parametrize("minutes", ["0", "-1", "5m", "1.5", " 5", "05", "100000000", "\u0665"])
def test_rejects_an_invalid_time_out(minutes: str) -> None:
    with pytest.raises(ConnectError) as caught:
        ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_API_TIMEOUT": minutes})
    assert str(caught.value) == (
        f"VSPHERE_API_TIMEOUT must be a number of minutes from 1 to 99999999, not {minutes!r}."
        " Set a number such as 5, or unset it."
    )


def test_settings_do_not_show_the_password() -> None:
    assert "sesame" not in repr(ConnectionSettings.from_environment(COMPLETE))


@pytest.mark.simulator
def test_session_is_one_login_and_one_logout(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session:
        assert simulator.sessions() == 1
        assert session.content.about.version == "7.0.3"
        assert session.server == simulator.address
    assert simulator.sessions() == 0
    assert simulator.requests() == {"RetrieveServiceContent": 1, "Login": 1, "Logout": 1}


@pytest.mark.simulator
def test_does_not_load_authorities_without_verification(
    start_simulator: StartSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "authority.pem"
    simulator = start_simulator("-certificate", certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    settings = settings_of(simulator)

    loaded = {}
    for unverified in (False, True):
        with connect(dataclasses.replace(settings, allow_unverified_ssl=unverified)) as session:
            context: ssl.SSLContext = session.service_instance._GetStub().schemeArgs["context"]
            loaded[unverified] = context.cert_store_stats()["x509_ca"]

    assert loaded == {False: 1, True: 0}


@pytest.mark.simulator
def test_session_ends_when_its_block_fails(simulator: Simulator) -> None:
    with pytest.raises(ZeroDivisionError), connect(settings_of(simulator)):
        raise ZeroDivisionError
    assert simulator.sessions() == 0


@pytest.mark.simulator
def test_second_close_has_no_effect(simulator: Simulator) -> None:
    session = open_session(settings_of(simulator))
    session.close()
    session.close()
    assert simulator.requests() == {"RetrieveServiceContent": 1, "Login": 1, "Logout": 1}


@pytest.mark.simulator
def test_close_raises_no_error_without_vcenter(simulator: Simulator) -> None:
    session = open_session(settings_of(simulator))
    simulator.stop()
    session.close()


@pytest.mark.simulator
def test_message_about_a_wrong_password_does_not_show_it(start_simulator: StartSimulator) -> None:
    simulator = start_simulator(password="right")
    with pytest.raises(LoginError) as caught:
        open_session(dataclasses.replace(settings_of(simulator), password="wrong-and-secret"))
    assert str(caught.value) == (
        f"{simulator.address}: vCenter refuses the user name or the password. Check VSPHERE_USER and VSPHERE_PASSWORD."
    )
    assert simulator.sessions() == 0


@pytest.mark.simulator
def test_rejects_a_certificate_of_an_unknown_authority(
    four_layouts: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(ConnectError) as caught:
        open_session(dataclasses.replace(settings_of(four_layouts), allow_unverified_ssl=False))
    assert str(caught.value) == (
        f"{four_layouts.address}: the certificate is not trusted: self-signed certificate."
        " Set SSL_CERT_FILE to the certificate of the server's authority,"
        " or set VSPHERE_ALLOW_UNVERIFIED_SSL=true to skip the verification."
    )


@pytest.mark.simulator
@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("missing.pem", None, "cannot be read: No such file or directory"),
        ("notes.txt", "no certificate", "has no certificate in PEM format"),
    ],
)
def test_reports_an_unusable_ssl_cert_file(
    four_layouts: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: str | None,
    wrong: str,
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(ConnectError) as caught:
        open_session(dataclasses.replace(settings_of(four_layouts), allow_unverified_ssl=False))
    assert [str(finding) for finding in caught.value.findings] == [
        f"{four_layouts.address}: the certificate is not trusted: self-signed certificate."
        f" SSL_CERT_FILE is {file}, which {wrong}."
        " Set SSL_CERT_FILE to the certificate of the server's authority,"
        " or set VSPHERE_ALLOW_UNVERIFIED_SSL=true to skip the verification."
    ]


@pytest.mark.simulator
def test_password_is_not_sent_over_an_unverified_connection(
    four_layouts: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    # The request for the API's version, which also verifies the certificate, comes first.
    monkeypatch.setattr("instant_clone.vcenter.session.connection._newest_version", lambda *_: "vim.version.v7_0_3_0")
    four_layouts.requests(reset=True)
    with pytest.raises(ConnectError, match="the certificate is not trusted"):
        open_session(dataclasses.replace(settings_of(four_layouts), allow_unverified_ssl=False))
    assert four_layouts.requests() == {}


@pytest.mark.simulator
def test_accepts_a_certificate_of_the_authority_in_ssl_cert_file(
    start_simulator: StartSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "authority.pem"
    simulator = start_simulator("-certificate", certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with connect(dataclasses.replace(settings_of(simulator), allow_unverified_ssl=False)):
        assert simulator.sessions() == 1


@pytest.mark.simulator
def test_reports_a_connection_that_breaks_at_the_login(simulator: Simulator) -> None:
    simulator.drop("Login", when="before")
    with pytest.raises(ConnectError, match="no connection: Remote end closed connection without response"):
        open_session(settings_of(simulator))


def test_reports_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings(f"127.0.0.1:{port}", "ann", "sesame"))
    assert str(caught.value) == (
        f"127.0.0.1:{port}: no connection: Connection refused. Check VSPHERE_SERVER and the network."
    )


def test_raises_if_the_server_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectError) as caught:
            open_session(ConnectionSettings(server, "ann", "sesame", timeout=0.2))
    assert str(caught.value) == f"{server}: the server did not answer in time. Check VSPHERE_SERVER and the network."


def test_reports_an_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings("vcenter.example", "ann", "sesame"))
    assert str(caught.value) == (
        "vcenter.example: the name of the server cannot be resolved. Check VSPHERE_SERVER and the network."
    )


class _SilentApi(BaseHTTPRequestHandler):
    """A server that answers the request for its version, and delays all other answers until it is released."""

    released = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<version>7.0.3.0</version>")

    def do_POST(self) -> None:
        self.released.wait()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has this name
        """Write no log."""


def test_raises_if_the_api_does_not_answer(self_signed: ssl.SSLContext) -> None:
    with web_server(self_signed, _SilentApi) as server:
        try:
            with pytest.raises(ConnectError) as caught:
                open_session(ConnectionSettings(server, "ann", "sesame", allow_unverified_ssl=True, timeout=0.5))
        finally:
            _SilentApi.released.set()
    assert str(caught.value) == f"{server}: the server did not answer in time. Check VSPHERE_SERVER and the network."


class _EmptyPages(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has this name
        """Write no log."""


@contextlib.contextmanager
def web_server(context: ssl.SSLContext | None, pages: type[BaseHTTPRequestHandler] = _EmptyPages) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), pages) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def test_rejects_a_web_server(self_signed: ssl.SSLContext) -> None:
    with web_server(self_signed) as server, pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings(server, "ann", "sesame", allow_unverified_ssl=True))
    assert str(caught.value) == (f"{server}: the server is not a vCenter that pyvmomi supports. Check VSPHERE_SERVER.")


def test_reports_a_vcenter_that_is_still_starting(self_signed: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_EmptyPages, "status", 503)
    with web_server(self_signed) as server, pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings(server, "ann", "sesame", allow_unverified_ssl=True))
    assert str(caught.value) == (
        f"{server}: no connection: 503 Service Unavailable. Check VSPHERE_SERVER and the network."
    )


def test_reports_a_server_without_tls() -> None:
    with web_server(None) as server, pytest.raises(ConnectError, match="no TLS connection: WRONG_VERSION_NUMBER"):
        open_session(ConnectionSettings(server, "ann", "sesame", allow_unverified_ssl=True))


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web server")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def session_with(about: vim.AboutInfo) -> Session:
    content = vim.ServiceInstanceContent(about=about)
    return Session(vim.ServiceInstance("ServiceInstance"), content, server="vcenter.example")


def about(version: str, *, kind: str = "VirtualCenter") -> vim.AboutInfo:
    return vim.AboutInfo(apiType=kind, version=version, fullName=f"VMware {kind} {version}")


def test_rejects_an_esxi_host() -> None:
    with pytest.raises(VcenterError) as caught:
        require_instant_clone(session_with(about("8.0.3", kind="HostAgent")))
    assert str(caught.value) == (
        "vcenter.example: the server is VMware HostAgent 8.0.3, but only a vCenter can instant-clone."
        " Use the vCenter that manages the host."
    )


@pytest.mark.parametrize("version", ["6.5.0", "6.0.0", "5.5"])
def test_rejects_a_vcenter_that_cannot_instant_clone(version: str) -> None:
    with pytest.raises(VcenterError) as caught:
        require_instant_clone(session_with(about(version)))
    assert str(caught.value) == (f"vcenter.example: vCenter {version} cannot instant-clone. Use vCenter 6.7 or later.")


@pytest.mark.parametrize("version", ["6.7.0", "7.0.3", "8.0.3", "9.0.0", "10.0.0"])
def test_accepts_a_vcenter_that_can_instant_clone(version: str) -> None:
    require_instant_clone(session_with(about(version)))
