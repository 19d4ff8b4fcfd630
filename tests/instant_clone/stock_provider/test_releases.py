# SPDX-License-Identifier: MPL-2.0
"""Releases of the provider."""

from __future__ import annotations

import pytest

from instant_clone.stock_provider.releases import (
    NEWEST_CHECKED,
    OLDEST_SUPPORTED,
    RELEASES,
    ProviderVersion,
    allows_hardware_version,
    releases_where,
)


def test_releases_compare_as_versions_do() -> None:
    assert ProviderVersion("2.9.3") < ProviderVersion("v2.10.0")
    assert str(ProviderVersion("2.10.0")) == "2.10.0"


@pytest.mark.parametrize("text", ["", "2", "2.16", "2.16.1-beta", "2.16.x", " 2.16.1"])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a release such as 2\.16\.1"):
        ProviderVersion(text)


def test_the_checked_releases_run_from_the_oldest_to_the_newest() -> None:
    assert str(OLDEST_SUPPORTED) == "2.0.2"
    assert str(NEWEST_CHECKED) == "2.16.1"
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
def test_hardware_versions_that_may_be_configured(version: str, allowed: list[int], refused: list[int]) -> None:
    release = ProviderVersion(version)
    assert [number for number in allowed + refused if allows_hardware_version(release, number)] == allowed


def test_releases_are_named_in_words() -> None:
    assert releases_where(lambda version: version >= ProviderVersion("2.16.0")) == "2.16.0 or newer"
    assert releases_where(lambda version: version < ProviderVersion("2.2.0")) == "2.0.2 to 2.1.1"
    assert releases_where(lambda version: version == ProviderVersion("2.7.0")) == "2.7.0"
    assert releases_where(lambda version: version.minor in (4, 16)) == "2.4.0 to 2.4.3, 2.16.0 or newer"
    assert releases_where(lambda version: False) == ""
