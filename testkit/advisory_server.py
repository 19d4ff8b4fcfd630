# SPDX-License-Identifier: MPL-2.0
"""A local server that replaces the vulnerability services of PyPI and npm.

pip-audit always queries https://pypi.org: it has no option for another address. The server is therefore also an HTTPS
proxy that terminates TLS with a self-signed certificate.
"""

from __future__ import annotations

import datetime
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["NPM_ADVISORIES", "advisory_server", "pypi_path"]

LOCAL = "127.0.0.1"
NPM_ADVISORIES = "/-/npm/v1/security/advisories/bulk"


def pypi_path(package: str, version: str) -> str:
    """Return the URL path of PyPI's JSON description of a package version."""
    return f"/pypi/{package}/{version}/json"


@contextmanager
def advisory_server(answers: Mapping[str, Any], folder: Path) -> Iterator[dict[str, str]]:
    """Serve `answers`, which are JSON values by URL path. Yield the environment for pip-audit and npm.

    All other paths have the status 404.
    """
    certificate = folder / "advisory-server.pem"
    certificate.write_bytes(_certificate("pypi.org"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            # A client can send CONNECT as HTTP/1.0, for which the base class closes the connection after the response.
            self.close_connection = False
            self.connection = self.request = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer()

        def _answer(self) -> None:
            found = self.path in answers
            body = json.dumps(answers.get(self.path, {"message": "Not Found"})).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            # An open connection would block the shutdown of the server.
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Do not write a log."""

    with ThreadingHTTPServer((LOCAL, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://{LOCAL}:{server.server_port}"
        try:
            yield {**environment(address), "REQUESTS_CA_BUNDLE": str(certificate)}
        finally:
            server.shutdown()
            thread.join()


def environment(address: str) -> dict[str, str]:
    """Return the environment variables with which pip-audit and npm query the server at `address`."""
    return {
        "HTTPS_PROXY": address,
        "https_proxy": address,
        "NO_PROXY": LOCAL,
        "no_proxy": LOCAL,
        "npm_config_registry": address,
    }


def _certificate(host: str) -> bytes:
    """Return a PEM file with a private key and a self-signed certificate.

    The strict verification of Python 3.13 accepts the certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + certificate.public_bytes(pem)
