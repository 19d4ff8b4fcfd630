# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from instant_clone.plugin.install.certificate import Certificate, make_certificate


@pytest.fixture(scope="module")
def made() -> Certificate:
    return make_certificate()


@pytest.fixture(scope="module")
def parsed(made: Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(made.der())


def test_key_belongs_to_the_certificate(made: Certificate, parsed: x509.Certificate) -> None:
    key = load_pem_private_key(made.key_pem, password=None)

    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == parsed.public_key()
    # gRPC's TLS library refuses P-521, the curve of Terraform's certificates.
    assert isinstance(key.curve, ec.SECP256R1)


def test_certificate_is_for_a_server_named_localhost(parsed: x509.Certificate) -> None:
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_certificate_is_self_signed(parsed: x509.Certificate) -> None:
    assert parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    parsed.verify_directly_issued_by(parsed)


def test_certificate_is_valid_for_ten_years(parsed: x509.Certificate) -> None:
    now = datetime.now(UTC)

    assert parsed.not_valid_before_utc <= now - timedelta(minutes=50)
    assert parsed.not_valid_after_utc >= now + timedelta(days=3649)


def test_each_certificate_is_different(made: Certificate) -> None:
    other = make_certificate()

    assert (other.key_pem == made.key_pem, other.certificate_pem == made.certificate_pem) == (False, False)
