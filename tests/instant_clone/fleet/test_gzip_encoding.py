# SPDX-License-Identifier: MPL-2.0
"""The gzip encoder: valid gzip, with bytes that depend only on the input."""

from __future__ import annotations

import gzip
import random
import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.fleet.gzip_encoding import gzip_bytes

CLOUD_CONFIG = b"#cloud-config\n" + b"".join(
    b"- path: /etc/app/%d.conf\n  content: value %d\n  owner: root:root\n" % (number, number * 7)
    for number in range(99)
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "1f8b08000000000000ff03000000000000000000"),
        # RFC 1951, 3.2.6: 'a' has the 8 bits 0x91.
        (b"a", "1f8b08000000000000ff4b040043beb7e801000000"),
        # A literal, and a match of length 258 at distance 1.
        (b"a" * 259, "1f8b08000000000000ff4b1c050056fac23403010000"),
    ],
)
def test_output_is_the_same_on_every_system(data: bytes, expected: str) -> None:
    assert gzip_bytes(data).hex() == expected


def test_output_of_a_long_text_does_not_change_between_releases() -> None:
    """Other bytes would change the guestinfo of all clones with this encoding."""
    assert (len(CLOUD_CONFIG), len(gzip_bytes(CLOUD_CONFIG))) == (6422, 881)
    assert sha256(gzip_bytes(CLOUD_CONFIG)).hexdigest() == (
        "4d8c56cb6cfbe2e172a6e09677a76b798cfc68a6f342d9bde25ab710426edc28"
    )


def test_output_does_not_depend_on_the_compression_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some builds of Python use zlib-ng, which returns other bytes than zlib."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the library compresses")

    for name in ("compress", "compressobj"):
        monkeypatch.setattr(zlib, name, fail)
    assert gzip_bytes(b"a").hex() == "1f8b08000000000000ff4b040043beb7e801000000"


@given(st.binary(max_size=2000) | st.text(alphabet="ab\n", max_size=2000).map(str.encode))
def test_gzip_restores_the_data(data: bytes) -> None:
    assert gzip.decompress(gzip_bytes(data)) == data


@pytest.mark.parametrize("distance", [1, 2, 3, 4, 5, 255, 256, 257, 32767, 32768, 32769, 40000])
def test_gzip_restores_matches_at_all_distances(distance: int) -> None:
    chance = random.Random(distance)
    filler = bytes(chance.choices(range(97, 123), k=distance))
    data = filler + filler[:300] + b"0123456789"
    assert gzip.decompress(gzip_bytes(data)) == data


@pytest.mark.parametrize("length", [*range(1, 20), 66, 67, 130, 131, 257, 258, 259, 516, 517])
def test_gzip_restores_matches_of_all_lengths(length: int) -> None:
    data = b"start " + bytes(range(256)) * 3 + bytes(range(200)) + b"end" + bytes(range(256)) * 2
    assert gzip.decompress(gzip_bytes(data[:length] + b"!" + data[:length])) == data[:length] + b"!" + data[:length]
