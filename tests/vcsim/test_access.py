# SPDX-License-Identifier: MPL-2.0
"""Tests of the login, the sessions and the server's certificate."""

from __future__ import annotations

import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from pyVim.connect import SmartStubAdapter
from pyVmomi import vim

from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, extra_config, fault_of, until

pytestmark = pytest.mark.simulator

CERTIFICATE_CLIENT = """
import ssl, sys
from pyVim.connect import Disconnect, SmartConnect

service = SmartConnect(
    host=sys.argv[1], port=int(sys.argv[2]), user="anybody", pwd="right", sslContext=ssl.create_default_context()
)
print(service.content.about.apiType)
Disconnect(service)
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls") / "certificate.pem"


@pytest.fixture(scope="module")
def guarded(start_simulator: StartSimulator, certificate: Path) -> Simulator:
    return start_simulator("-certificate", certificate, password="right")


@pytest.fixture(scope="module")
def opened(start_simulator: StartSimulator) -> Simulator:
    return start_simulator()


def test_any_password_is_accepted_by_default(opened: Simulator) -> None:
    with Client(opened, password="whatever") as client:
        assert client.content.sessionManager.currentSession.userName == "fleet@vsphere.local"


def test_only_the_configured_password_is_accepted(guarded: Simulator) -> None:
    with Client(guarded) as client:
        assert client.vm("golden-web").name == "golden-web"

    host, _, port = guarded.address.partition(":")
    # SmartConnect would leave its socket open when the login fails.
    stub = SmartStubAdapter(host=host, port=int(port), sslContext=ssl._create_unverified_context())
    sessions: Any = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent().sessionManager
    with pytest.raises(vim.fault.InvalidLogin):
        sessions.Login(guarded.user, "wrong", None)
    stub.DropConnections()


def test_session_count_drops_only_after_logout(opened: Simulator) -> None:
    before = opened.sessions()
    first, second = Client(opened), Client(opened)
    assert opened.sessions() == before + 2

    first.close()
    assert opened.sessions() == before + 1
    second.drop_connections()
    assert opened.sessions() == before + 1


def test_idle_session_expires_after_the_configured_timeout(start_simulator: StartSimulator) -> None:
    simulated = start_simulator()
    with Client(simulated) as client:
        client.content.setting.UpdateOptions(extra_config({"config.vmacore.soap.sessionTimeout": "100ms"}))
    idle = Client(simulated)

    until(lambda: simulated.sessions() == 0)

    assert fault_of(idle.instance.CurrentTime) == "NotAuthenticated"
    idle.drop_connections()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_client_that_trusts_the_certificate_verifies_the_server(
    guarded: Simulator, certificate: Path, host: str
) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    port = guarded.address.partition(":")[2]

    with urllib.request.urlopen(f"https://{host}:{port}/ic/sessions", context=context) as answer:
        assert answer.status == 200


def test_client_without_the_certificate_rejects_the_server(guarded: Simulator) -> None:
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"https://{guarded.address}/ic/sessions", context=ssl.create_default_context())


def test_pyvmomi_verifies_the_server_with_ssl_cert_file(guarded: Simulator, certificate: Path) -> None:
    host, _, port = guarded.address.partition(":")

    completed = subprocess.run(
        [sys.executable, "-c", CERTIFICATE_CLIENT, host, port],
        env=guarded.environment() | {"SSL_CERT_FILE": str(certificate)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert completed.stdout.strip() == "VirtualCenter"


def test_certificate_file_contains_no_private_key(certificate: Path, guarded: Simulator) -> None:
    text = certificate.read_text()

    assert text.startswith("-----BEGIN CERTIFICATE-----\n")
    assert "PRIVATE" not in text
    assert guarded.password not in text
