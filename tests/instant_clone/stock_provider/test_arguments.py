# SPDX-License-Identifier: MPL-2.0
"""Tests that compare the table of arguments with the schemas of recorded releases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instant_clone.stock_provider.argument import Argument, Effect, Role
from instant_clone.stock_provider.arguments import ARGUMENTS, can_be_configured, is_known, row
from instant_clone.stock_provider.releases import OLDEST_SUPPORTED, RELEASES, ProviderVersion

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"
RECORDED = sorted(path.parent.name for path in RECORDINGS.glob("*/schema.json"))
CREATION_BLOCKS = ("clone.", "ovf_deploy.")
"""blocks whose arguments are not in the table"""

in_all_recorded_releases = pytest.mark.parametrize("release", RECORDED)


def described(block: dict[str, Any], at: str = "") -> Iterator[tuple[str, str, bool, bool]]:
    """Yield path, type, whether Optional and Computed, and whether only Computed, for each argument of a schema."""
    for attribute in block["attributes"]:
        kind = json.loads(attribute["type"])
        computed = bool(attribute.get("computed"))
        optional = bool(attribute.get("optional"))
        yield (
            at + attribute["name"],
            kind if isinstance(kind, str) else kind[0],
            computed and optional,
            (computed and not optional),
        )
    for nested in block.get("block_types", ()):
        path = at + nested["type_name"]
        yield path, "block", False, False
        yield from described(nested["block"], f"{path}.")


def schema(release: str) -> dict[str, tuple[str, bool, bool]]:
    document = json.loads((RECORDINGS / release / "schema.json").read_text())
    found = {path: (kind, both, output) for path, kind, both, output in described(document["block"])}
    # The SDK adds the id of a resource, which is Optional and Computed.
    found["id"] = ("string", False, True)
    return {path: row for path, row in found.items() if not path.startswith(CREATION_BLOCKS)}


def in_table(argument: Argument, release: ProviderVersion) -> tuple[str, bool, bool]:
    output = argument.role is Role.OUTPUT
    computed = argument.computed_since is not None and argument.computed_since <= release
    return argument.type, computed and not output, output


def test_schemas_of_the_releases_are_recorded() -> None:
    assert len(RECORDED) > 1


@in_all_recorded_releases
def test_table_matches_the_schema_of_the_release(release: str) -> None:
    version = ProviderVersion(release)
    table = {argument.path: in_table(argument, version) for argument in ARGUMENTS if argument.since <= version}

    assert table == schema(release)


def test_argument_has_one_row() -> None:
    paths = [argument.path for argument in ARGUMENTS]

    assert len(paths) == len(set(paths))


def test_since_is_a_checked_release() -> None:
    assert {argument.since for argument in ARGUMENTS} <= set(RELEASES)


def test_default_has_the_type_of_the_argument() -> None:
    types = {"string": str, "number": int, "bool": bool}
    defaults = [
        (argument.type, argument.default_in(release))
        for argument in ARGUMENTS
        for release in (OLDEST_SUPPORTED, RELEASES[-1])
    ]

    assert all(type(default) is types[kind] for kind, default in defaults if default is not None)


def test_default_is_an_allowed_value() -> None:
    for argument in ARGUMENTS:
        for release in RELEASES:
            default = argument.default_in(release)
            assert not argument.values or default is None or default in argument.values


def test_provider_options_do_not_change_a_running_vm() -> None:
    assert {argument.effect for argument in ARGUMENTS if argument.role is Role.STEERING} == {
        Effect.NONE,
        Effect.REPLACE,
    }


@pytest.mark.parametrize(
    ("path", "release", "default"),
    [
        ("sync_time_with_host", "2.6.1", None),
        ("sync_time_with_host", "2.7.0", True),
        ("hv_mode", "2.7.0", "hvAuto"),
        ("hv_mode", "2.8.0", None),
        ("hv_mode", "2.8.1", "hvAuto"),
        ("hv_mode", "2.8.2", None),
        ("ept_rvi_mode", "2.0.2", "automatic"),
        ("ept_rvi_mode", "2.16.1", None),
    ],
)
def test_default_depends_on_the_release(path: str, release: str, default: object) -> None:
    assert row(path).default_in(ProviderVersion(release)) == default


@pytest.mark.parametrize(
    ("path", "value", "can"),
    [
        ("latency_sensitivity", "high", True),
        ("latency_sensitivity", "custom", False),
        ("cpu_limit", 0, False),
        ("cpu_limit", -1, True),
        ("boot_delay", 0, True),
        ("vbs_enabled", False, True),
        ("annotation", "", False),
        ("memory_limit", None, False),
        ("no_such_argument", 1, True),
    ],
)
def test_returns_whether_a_value_can_be_configured(path: str, value: object, can: bool) -> None:
    assert can_be_configured(path, value) == can


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
        ("datastore_path", "2.16.1", "2.17.0"),
    ],
)
def test_argument_is_known_since_its_first_release(argument: str, before: str, since: str) -> None:
    assert not is_known(ProviderVersion(before), argument)
    assert is_known(ProviderVersion(since), argument)
    assert is_known(ProviderVersion("2.99.0"), argument)


@pytest.mark.parametrize("argument", ["num_cpus", "sync_time_with_host_periodically", "vvtd_enabled"])
def test_old_argument_is_known_in_all_releases(argument: str) -> None:
    assert is_known(OLDEST_SUPPORTED, argument)
