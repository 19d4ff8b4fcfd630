# SPDX-License-Identifier: MPL-2.0
"""The plugin's TLS certificate. Terraform encrypts its connection to a plugin, and trusts only this certificate.

The installation makes the certificate, because making it takes as long as the rest of the plugin's start.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

__all__ = ["Certificate", "make_certificate"]

_DAYS = 3650


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for "localhost" and its key, both as PEM."""

    key_pem: bytes
    certificate_pem: bytes

    def der(self) -> bytes:
        """Return the certificate as DER. The plugin's handshake contains it."""
        return ssl.PEM_cert_to_DER_cert(self.certificate_pem.decode())


def make_certificate() -> Certificate:
    """Return a new certificate that is valid for ten years."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # The clocks of hosts and file servers can differ.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.public_bytes(serialization.Encoding.PEM),
    )
