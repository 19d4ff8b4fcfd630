# SPDX-License-Identifier: MPL-2.0
"""Settings, log-in and log-out, and everything that can be wrong with a server."""

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


def test_settings_come_from_the_providers_variables() -> None:
    assert ConnectionSettings.from_environment(COMPLETE) == ConnectionSettings(
        server="vcenter.example",
        user="ann@vsphere.local",
        password="sesame",
        allow_unverified_ssl=False,
        timeout=30,
    )


def test_all_that_is_missing_or_unreadable_is_told_at_once() -> None:
    with pytest.raises(ConnectError) as caught:
        ConnectionSettings.from_environment({"VSPHERE_SERVER": "", "VSPHERE_ALLOW_UNVERIFIED_SSL": "yes"})
    assert str(caught.value) == (
        "VSPHERE_SERVER is not set. Set it to vCenter's host, or host:port.\n"
        "VSPHERE_USER is not set. Set it to the user who logs in.\n"
        "VSPHERE_PASSWORD is not set. Set it to that user's password.\n"
        "VSPHERE_ALLOW_UNVERIFIED_SSL is neither true nor false (but 'yes'). Write true, or unset it."
    )


@pytest.mark.parametrize(
    ("text", "unverified"),
    [
        *((text, True) for text in ("1", "t", "T", "TRUE", "true", "True")),
        *((text, False) for text in ("", "0", "f", "F", "FALSE", "false", "False")),
    ],
)
def test_certificates_are_verified_unless_go_reads_true(text: str, unverified: bool) -> None:
    settings = ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_ALLOW_UNVERIFIED_SSL": text})
    assert settings.allow_unverified_ssl is unverified


@pytest.mark.parametrize("text", ["yes", "tRUE", " true", "2"])
def test_what_go_does_not_read_as_a_boolean_is_refused(text: str) -> None:
    with pytest.raises(ConnectError, match="VSPHERE_ALLOW_UNVERIFIED_SSL is neither true nor false"):
        ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_ALLOW_UNVERIFIED_SSL": text})


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("vcenter.example", ("vcenter.example", 443)),
        ("vcenter.example:8443", ("vcenter.example", 8443)),
        ("192.0.2.1:8443", ("192.0.2.1", 8443)),
        ("2001:db8::1", ("2001:db8::1", 443)),
        ("[2001:db8::1]", ("2001:db8::1", 443)),
        ("[2001:db8::1]:8443", ("2001:db8::1", 8443)),
    ],
)
def test_a_server_is_a_host_with_or_without_a_port(server: str, address: tuple[str, int]) -> None:
    assert ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_SERVER": server}).address == address


@pytest.mark.parametrize(
    "server",
    [
        "https://vcenter.example",
        "vcenter.example/sdk",
        "vcenter.example:https",
        "host:0",
        "host:65536",
        "a b",
        "[host]",
    ],
)
def test_anything_else_is_no_server(server: str) -> None:
    with pytest.raises(ConnectError) as caught:
        ConnectionSettings.from_environment(COMPLETE | {"VSPHERE_SERVER": server})
    assert str(caught.value) == (
        f'VSPHERE_SERVER is neither a host nor host:port (but {server!r}). Write it as in "vcenter.example:443".'
    )


def test_settings_do_not_show_the_password() -> None:
    assert "sesame" not in repr(ConnectionSettings.from_environment(COMPLETE))


@pytest.mark.simulator
def test_a_session_is_one_log_in_and_one_log_out(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session:
        assert simulator.sessions() == 1
        assert session.content.about.version == "7.0.3"
        assert session.server == simulator.address
    assert simulator.sessions() == 0
    assert simulator.requests() == {"RetrieveServiceContent": 1, "Login": 1, "Logout": 1}


@pytest.mark.simulator
def test_authorities_are_not_loaded_where_nothing_is_verified(
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


def test_a_session_ends_when_its_block_fails(simulator: Simulator) -> None:
    with pytest.raises(ZeroDivisionError), connect(settings_of(simulator)):
        raise ZeroDivisionError
    assert simulator.sessions() == 0


@pytest.mark.simulator
def test_closing_again_does_nothing(simulator: Simulator) -> None:
    session = open_session(settings_of(simulator))
    session.close()
    session.close()
    assert simulator.requests() == {"RetrieveServiceContent": 1, "Login": 1, "Logout": 1}


@pytest.mark.simulator
def test_closing_does_not_fail_when_vcenter_is_gone(simulator: Simulator) -> None:
    session = open_session(settings_of(simulator))
    simulator.stop()
    session.close()


@pytest.mark.simulator
def test_a_wrong_password_is_told_without_it(start_simulator: StartSimulator) -> None:
    simulator = start_simulator(password="right")
    with pytest.raises(LoginError) as caught:
        open_session(dataclasses.replace(settings_of(simulator), password="wrong-and-secret"))
    assert str(caught.value) == (
        f"{simulator.address}: vCenter refuses the user name or the password. Check VSPHERE_USER and VSPHERE_PASSWORD."
    )
    assert simulator.sessions() == 0


@pytest.mark.simulator
def test_a_certificate_of_no_known_authority_is_refused(
    four_layouts: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(ConnectError) as caught:
        open_session(dataclasses.replace(settings_of(four_layouts), allow_unverified_ssl=False))
    assert str(caught.value) == (
        f"{four_layouts.address}: the certificate is not trusted: self-signed certificate."
        " Name the certificate of its authority in SSL_CERT_FILE,"
        " or set VSPHERE_ALLOW_UNVERIFIED_SSL=true to go without verification."
    )


@pytest.mark.simulator
@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("missing.pem", None, "cannot be read: No such file or directory"),
        ("notes.txt", "no certificate", "holds no certificate in PEM"),
    ],
)
def test_a_file_of_authorities_that_is_none_is_named(
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
        f" SSL_CERT_FILE names {file}, which {wrong}."
        " Name the certificate of its authority there,"
        " or set VSPHERE_ALLOW_UNVERIFIED_SSL=true to go without verification."
    ]


@pytest.mark.simulator
def test_the_password_is_sent_over_no_unverified_connection(
    four_layouts: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    # The question for the API's version, which is verified by itself, comes first.
    monkeypatch.setattr("instant_clone.vcenter.session.connection._newest_version", lambda *_: "vim.version.v7_0_3_0")
    four_layouts.requests(reset=True)
    with pytest.raises(ConnectError, match="the certificate is not trusted"):
        open_session(dataclasses.replace(settings_of(four_layouts), allow_unverified_ssl=False))
    assert four_layouts.requests() == {}


@pytest.mark.simulator
def test_the_certificate_of_a_named_authority_is_accepted(
    start_simulator: StartSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "authority.pem"
    simulator = start_simulator("-certificate", certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with connect(dataclasses.replace(settings_of(simulator), allow_unverified_ssl=False)):
        assert simulator.sessions() == 1


@pytest.mark.simulator
def test_a_connection_that_breaks_at_the_log_in_is_told(simulator: Simulator) -> None:
    simulator.drop("Login", when="before")
    with pytest.raises(ConnectError, match="no connection: Remote end closed connection without response"):
        open_session(settings_of(simulator))


def test_a_refused_connection_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings(f"127.0.0.1:{port}", "ann", "sesame"))
    assert str(caught.value) == (
        f"127.0.0.1:{port}: no connection: Connection refused. Check VSPHERE_SERVER and the network."
    )


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectError) as caught:
            open_session(ConnectionSettings(server, "ann", "sesame", timeout=0.2))
    assert str(caught.value) == f"{server}: no answer in time. Check VSPHERE_SERVER and the network."


def test_an_unknown_host_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings("vcenter.example", "ann", "sesame"))
    assert str(caught.value) == (
        "vcenter.example: the name of the server cannot be resolved. Check VSPHERE_SERVER and the network."
    )


class _SilentApi(BaseHTTPRequestHandler):
    """Tells its version, and no more until it is released."""

    released = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<version>7.0.3.0</version>")

    def do_POST(self) -> None:
        self.released.wait()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


def test_an_api_that_never_answers_is_given_up(self_signed: ssl.SSLContext) -> None:
    with web_server(self_signed, _SilentApi) as server:
        try:
            with pytest.raises(ConnectError) as caught:
                open_session(ConnectionSettings(server, "ann", "sesame", allow_unverified_ssl=True, timeout=0.5))
        finally:
            _SilentApi.released.set()
    assert str(caught.value) == f"{server}: no answer in time. Check VSPHERE_SERVER and the network."


class _EmptyPages(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


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


def test_a_web_server_is_not_taken_for_vcenter(self_signed: ssl.SSLContext) -> None:
    with web_server(self_signed) as server, pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings(server, "ann", "sesame", allow_unverified_ssl=True))
    assert str(caught.value) == (f"{server}: what answers is not a vCenter that pyvmomi knows. Check VSPHERE_SERVER.")


def test_a_vcenter_that_is_still_starting_is_told(self_signed: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_EmptyPages, "status", 503)
    with web_server(self_signed) as server, pytest.raises(ConnectError) as caught:
        open_session(ConnectionSettings(server, "ann", "sesame", allow_unverified_ssl=True))
    assert str(caught.value) == (
        f"{server}: no connection: 503 Service Unavailable. Check VSPHERE_SERVER and the network."
    )


def test_a_server_without_tls_is_told() -> None:
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


def test_a_host_is_refused() -> None:
    with pytest.raises(VcenterError) as caught:
        require_instant_clone(session_with(about("8.0.3", kind="HostAgent")))
    assert str(caught.value) == (
        "vcenter.example: this is VMware HostAgent 8.0.3, not a vCenter, and only vCenter instant-clones."
        " Name the vCenter that manages the host."
    )


@pytest.mark.parametrize("version", ["6.5.0", "6.0.0", "5.5"])
def test_a_vcenter_that_cannot_instant_clone_is_refused(version: str) -> None:
    with pytest.raises(VcenterError) as caught:
        require_instant_clone(session_with(about(version)))
    assert str(caught.value) == (f"vcenter.example: vCenter {version} cannot instant-clone. Use vCenter 6.7 or later.")


@pytest.mark.parametrize("version", ["6.7.0", "7.0.3", "8.0.3", "9.0.0", "10.0.0"])
def test_a_vcenter_that_can_instant_clone_is_accepted(version: str) -> None:
    require_instant_clone(session_with(about(version)))
