# SPDX-License-Identifier: MPL-2.0
"""Whatever stands in a fleet file leads to findings, or to members of which each has its own name and addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.errors import FleetFileError
from instant_clone.fleet import Changes, Fleet, FleetFile, Network, Source, load
from instant_clone.fleet.members import MemberValue, ip_addresses, mac_addresses
from instant_clone.fleet.source_compatibility import fitting_findings, fitting_findings_across
from tests.instant_clone.replica.replica_layouts import default, nic

MACHINE = default(nics=(nic(), nic(key=4001, mac_address="00:50:56:00:00:07", network_name="lab")))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fleets") / "any.toml"


def read(file: Path, text: str) -> FleetFile | None:
    """The file with this text, or None with at least one finding that says something."""
    file.write_text(text, encoding="utf-8")
    try:
        return load(file)
    except FleetFileError as error:
        assert error.findings  # noqa: PT017 - either outcome is right
        assert all(found.where and found.what for found in error.findings)  # noqa: PT017
        return None


def toml(value: Any) -> str:
    """`value` as TOML, tables inline."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(f"\\U{ord(c):08x}" if not c.isalnum() or not c.isascii() else c for c in value)
        return f'"{escaped}"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{toml(key)} = {toml(inner)}' for key, inner in value.items())} }}"
    return repr(value)


@given(text=st.text())
def test_any_text(file: Path, text: str) -> None:
    read(file, text)


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        [
            *(
                "{fleet}",
                "{index",
                "{name}",
                "{ip}",
                "{nic1_mac}",
                "{index:02d}",
                "a/../b",
                "%",
                "c/Resources",
                "0-9,12",
            ),
            *("source", "generated", "00:50:56:00:00:00", "10.0.0.0/30", "10.0.0.1", "fd00::/126", "fd00::1", "local"),
            *("s3", "2.16.1", "memory", "uuid:", "static", "a/b", "state/{fleet}"),
        ]
    ),
)
KEYS = st.one_of(
    st.sampled_from(
        [
            *Fleet.model_fields,
            *Source.model_fields,
            *Network.model_fields,
            *Changes.model_fields,
            *FleetFile.model_fields,
            *("backend", "path", "version", "guestinfo.a", "guestinfo.hostname", "size"),
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, st.integers(-(10**30), 10**30), st.integers(-1, 3), st.booleans(), st.just(1.5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=12,
)


def documents(value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Fleet files that are almost right: each key has what it should, or anything."""

    def mostly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(*[right] * 7, value)

    def table(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
        known = st.fixed_dictionaries(required, optional=optional)
        return st.one_of(*[known] * 7, st.fixed_dictionaries(required | {"x": value}, optional=optional))

    text = mostly(TEXTS)
    full = mostly(TEXTS.filter(bool))
    networks = table({}, dict.fromkeys(Network.model_fields, text) | {"dns": mostly(st.lists(TEXTS, max_size=2))})
    sources = table({"vm": full}, {"key": text, "members": text, "count": mostly(st.integers(0, 3)), "record": text})
    changes = table({}, dict.fromkeys(Changes.model_fields, value))
    fleet = table(
        {
            "datacenter": full,
            "datastore": full,
            "resource_pool": mostly(st.just("c/Resources")),
            "sources": mostly(st.lists(mostly(sources), min_size=1, max_size=2)),
        },
        {
            "names": text,
            "stack": text,
            "networks": mostly(st.lists(mostly(networks), max_size=2)),
            "guestinfo": mostly(st.dictionaries(KEYS, text, max_size=2)),
            "changes": mostly(changes),
            "tags": mostly(st.lists(TEXTS, max_size=2)),
            "ignore_changes": mostly(st.lists(TEXTS, max_size=2)),
            "custom_attributes": mostly(st.dictionaries(TEXTS, text, max_size=2)),
        },
    )
    fleets = st.dictionaries(st.one_of(st.sampled_from("abAB"), KEYS), mostly(fleet), max_size=3)
    state = mostly(st.dictionaries(KEYS, value, max_size=3))
    provider = mostly(st.dictionaries(KEYS, value, max_size=2))
    return st.fixed_dictionaries({"fleets": mostly(fleets)}, optional={"state": state, "provider": provider})


@given(document=documents(VALUES))
def test_anything_in_the_shape_of_a_fleet_file(file: Path, document: dict[str, Any]) -> None:
    read(file, "\n".join(f"{toml(key)} = {toml(value)}" for key, value in document.items()))


NETWORKS = st.fixed_dictionaries(
    {
        "mac": st.one_of(
            st.sampled_from(["generated", "source"]),
            *[st.integers(0, 60).map(lambda number: f"00:50:56:00:00:{number:02x}")] * 3,
            st.integers(0, 40).map(lambda number: f"00:50:56:3f:ff:{255 - number:02x}"),
        ),
    },
    optional={"network": st.sampled_from(["lab", "DC0_DVPG0", "/DC0/network/lab"])},
)
PLANS: st.SearchStrategy[dict[str, str]] = st.one_of(
    st.just({}),
    st.builds(
        lambda net, host: {"cidr": f"10.0.0.{net * 32}/27", "first": f"10.0.0.{net * 32 + host}"},
        st.integers(0, 2),
        st.integers(0, 31),
    ),
    st.builds(
        lambda first, gateway: {"cidr": "10.0.0.0/24", "first": f"10.0.0.{first}", "gateway": f"10.0.0.{gateway}"},
        st.integers(0, 255),
        st.integers(0, 255),
    ),
    st.builds(lambda host: {"cidr": "fd00::/122", "first": f"fd00::{host:x}"}, st.integers(0, 63)),
)
INDEXES = st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True).map(lambda each: ",".join(map(str, each)))
NAMES = st.sampled_from(
    ["{fleet}-{index}"] * 9
    + ["{fleet}-{index}", "web-{index}", "web-{index:02d}", "{index}", "{fleet}{index}", "web", "1{index}"]
)
FLEETS = st.dictionaries(
    st.sampled_from(["web", "web1", "b", "c", "d", "WEB"]),
    st.fixed_dictionaries(
        {
            "datacenter": st.just("DC0"),
            "datastore": st.just("d"),
            "resource_pool": st.just("c/Resources"),
            "names": NAMES,
            "sources": st.one_of(
                INDEXES.map(lambda each: [{"vm": "golden", "members": each}]),
                st.tuples(INDEXES, INDEXES).map(
                    lambda both: [
                        {"key": key, "vm": "golden", "members": each} for key, each in zip("ab", both, strict=True)
                    ]
                ),
            ),
            "networks": st.lists(st.tuples(NETWORKS, PLANS).map(lambda both: both[0] | both[1]), max_size=2),
        }
    ),
    min_size=1,
    max_size=3,
)


def clones(fleet_file: FleetFile) -> list[tuple[Fleet, int]]:
    """All members, by their fleets and indexes."""
    return [
        (fleet, index) for fleet in fleet_file.fleets.values() for source in fleet.sources for index in source.indexes
    ]


def addresses_of(planned: Iterable[str | MemberValue | None], index: int) -> list[str | int | None]:
    return [own.of(index) if isinstance(own, MemberValue) else own for own in planned]


def networks_of(fleet: Fleet) -> list[str]:
    """The names of the networks that the fleet's interfaces are on."""
    named = [network.network for network in fleet.networks] + [None] * (len(MACHINE.nics) - len(fleet.networks))
    return [(name or nic.network_name).rpartition("/")[2] for name, nic in zip(named, MACHINE.nics, strict=True)]


def repeated(values: list[Any]) -> list[Any]:
    return [value for value, times in Counter(values).items() if times > 1]


@given(fleets=FLEETS)
def test_members_of_an_accepted_file_are_all_different(file: Path, fleets: dict[str, Any]) -> None:
    fleet_file = read(file, f"fleets = {toml(fleets)}")
    if fleet_file is None:
        return
    every = clones(fleet_file)
    assert repeated([fleet.clone_name(index) for fleet, index in every]) == []
    sources = {(name, source.key): MACHINE for name, fleet in fleet_file.fleets.items() for source in fleet.sources}
    fitting = [
        found
        for name, fleet in fleet_file.fleets.items()
        for found in fitting_findings(fleet, {source.key: sources[name, source.key] for source in fleet.sources})
    ]
    if fitting or fitting_findings_across(fleet_file, sources):
        return
    addresses, macs = (
        [
            pair
            for fleet, index in every
            for pair in zip(networks_of(fleet), addresses_of(planned(fleet, MACHINE), index), strict=True)
        ]
        for planned in (ip_addresses, mac_addresses)
    )
    assert repeated([(network, address) for network, address in addresses if address is not None]) == []
    # The source's own address may be there once on each network, a planned one only once in the file.
    own = {nic.mac_address for nic in MACHINE.nics}
    assert repeated([(mac in own and network, mac) for network, mac in macs if mac is not None]) == []
