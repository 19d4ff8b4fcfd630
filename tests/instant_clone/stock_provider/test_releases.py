# SPDX-License-Identifier: MPL-2.0
"""Tests of releases of the provider."""

from __future__ import annotations

import pytest

from instant_clone.stock_provider.releases import (
    DEFAULT_RELEASE,
    NEWEST_CHECKED,
    OLDEST_SUPPORTED,
    RELEASES,
    ProviderVersion,
    allows_hardware_version,
    releases_where,
)


def test_releases_compare_as_versions() -> None:
    assert ProviderVersion("2.9.3") < ProviderVersion("v2.10.0")
    assert str(ProviderVersion("2.10.0")) == "2.10.0"


@pytest.mark.parametrize("text", ["", "2", "2.16", "2.16.1-beta", "2.16.x", " 2.16.1"])
def test_rejects_text_that_is_not_a_release(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a release such as 2\.16\.1"):
        ProviderVersion(text)


def test_checked_releases_are_sorted() -> None:
    assert str(OLDEST_SUPPORTED) == "2.0.2"
    assert str(NEWEST_CHECKED) == "2.17.0"
    assert str(DEFAULT_RELEASE) == "2.16.1"
    assert list(RELEASES) == sorted(set(RELEASES))


@pytest.mark.parametrize(
    ("version", "allowed", "refused"),
    [
        ("2.0.2", [4, 12, 16, 19], [3, 20, 21, 22]),
        ("2.5.0", [19], [20]),
        ("2.5.1", [4, 12, 20, 21], [3, 22]),
        ("2.14.2", [16, 21], [22]),
        ("2.15.0", [4, 7, 11, 13, 15, 17, 22], [5, 6, 12, 16, 23]),
        ("2.16.1", [22], [23]),
    ],
)
def test_release_allows_hardware_versions(version: str, allowed: list[int], refused: list[int]) -> None:
    release = ProviderVersion(version)
    assert [number for number in allowed + refused if allows_hardware_version(release, number)] == allowed


def test_releases_where_returns_ranges_of_releases() -> None:
    assert releases_where(lambda version: version >= ProviderVersion("2.16.0")) == "2.16.0 or newer"
    assert releases_where(lambda version: version < ProviderVersion("2.2.0")) == "2.0.2 to 2.1.1"
    assert releases_where(lambda version: version == ProviderVersion("2.7.0")) == "2.7.0"
    assert releases_where(lambda version: version.minor in (4, 17)) == "2.4.0 to 2.4.3, 2.17.0 or newer"
    assert releases_where(lambda version: False) == ""
