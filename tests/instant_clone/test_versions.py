# SPDX-License-Identifier: MPL-2.0
"""Releases of the provider and what they know."""

from __future__ import annotations

import pytest

from instant_clone.versions import (
    FIRST_RELEASE,
    NEWEST_CHECKED,
    OLDEST_SUPPORTED,
    RELEASES,
    ProviderVersion,
    allows_hardware_version,
    knows,
    releases_where,
)


def test_releases_compare_as_versions_do() -> None:
    assert ProviderVersion.parse("2.9.3") < ProviderVersion.parse("v2.10.0")
    assert str(ProviderVersion(2, 10, 0)) == "2.10.0"


@pytest.mark.parametrize("text", ["", "2", "2.16", "2.16.1-beta", "2.16.x", " 2.16.1"])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a release such as 2\.16\.1"):
        ProviderVersion.parse(text)


def test_the_checked_releases_run_from_the_oldest_to_the_newest() -> None:
    assert str(OLDEST_SUPPORTED) == "2.0.2"
    assert str(NEWEST_CHECKED) == "2.16.1"
    assert list(RELEASES) == sorted(set(RELEASES))


@pytest.mark.parametrize(
    ("argument", "before", "since"),
    [
        ("tools_upgrade_policy", "2.0.2", "2.1.0"),
        ("extra_config_reboot_required", "2.2.0", "2.3.0"),
        ("network_interface.physical_function", "2.5.1", "2.6.0"),
        ("memory_reservation_locked_to_max", "2.6.1", "2.7.0"),
        ("vtpm", "2.9.3", "2.10.0"),
        ("nvme_controller_count", "2.10.0", "2.11.0"),
        ("evc_mode", "2.15.2", "2.16.0"),
        ("num_cores_per_numa_node", "2.15.2", "2.16.0"),
        ("network_interface.external_port_id", "2.15.2", "2.16.0"),
        ("video_card", "2.15.2", "2.16.0"),
    ],
)
def test_an_argument_is_known_from_its_first_release(argument: str, before: str, since: str) -> None:
    assert argument in FIRST_RELEASE
    assert not knows(ProviderVersion.parse(before), argument)
    assert knows(ProviderVersion.parse(since), argument)
    assert knows(ProviderVersion(2, 99, 0), argument)


@pytest.mark.parametrize("argument", ["num_cpus", "sync_time_with_host_periodically", "vvtd_enabled"])
def test_an_old_argument_is_known_to_all(argument: str) -> None:
    assert knows(OLDEST_SUPPORTED, argument)


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
    release = ProviderVersion.parse(version)
    assert [number for number in allowed + refused if allows_hardware_version(release, number)] == allowed


def test_releases_are_named_in_words() -> None:
    assert releases_where(lambda version: version >= ProviderVersion(2, 16, 0)) == "2.16.0 or newer"
    assert releases_where(lambda version: version < ProviderVersion(2, 2, 0)) == "2.0.2 to 2.1.1"
    assert releases_where(lambda version: version == ProviderVersion(2, 7, 0)) == "2.7.0"
    assert releases_where(lambda version: version.minor in (4, 16)) == "2.4.0 to 2.4.3, 2.16.0 or newer"
    assert releases_where(lambda version: False) == ""
