# SPDX-License-Identifier: MPL-2.0
"""Properties of any fleet file: it has findings, or its members have unique names and addresses."""

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
from instant_clone.fleet.members import MemberValue, mac_addresses
from instant_clone.fleet.source_compatibility import fitting_findings, fitting_findings_across
from tests.instant_clone.fleet.test_members import ip_addresses
from tests.instant_clone.replica.replica_layouts import default, nic

SOURCE_VM = default(nics=(nic(), nic(key=4001, mac_address="00:50:56:00:00:07", network_name="lab")))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fleets") / "any.toml"


def read(file: Path, text: str) -> FleetFile | None:
    """Return the fleet file with this text, or None if it has findings. Check that each finding has a text."""
    file.write_text(text, encoding="utf-8")
    try:
        return load(file)
    except FleetFileError as error:
        assert error.findings  # noqa: PT017 - the error is optional
        assert all(found.where and found.what for found in error.findings)  # noqa: PT017
        return None


def toml(value: Any) -> str:
    """Return `value` in TOML, with inline tables."""
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
def test_any_text_loads_or_has_findings(file: Path, text: str) -> None:
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
    """Return a strategy for fleet files in which each key usually has a valid value and sometimes any value."""

    def usually(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(*[right] * 7, value)

    def table(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
        known = st.fixed_dictionaries(required, optional=optional)
        return st.one_of(*[known] * 7, st.fixed_dictionaries(required | {"x": value}, optional=optional))

    text = usually(TEXTS)
    full = usually(TEXTS.filter(bool))
    networks = table({}, dict.fromkeys(Network.model_fields, text) | {"dns": usually(st.lists(TEXTS, max_size=2))})
    sources = table({"vm": full}, {"key": text, "members": text, "count": usually(st.integers(0, 3)), "record": text})
    changes = table({}, dict.fromkeys(Changes.model_fields, value))
    fleet = table(
        {
            "datacenter": full,
            "datastore": full,
            "resource_pool": usually(st.just("c/Resources")),
            "sources": usually(st.lists(usually(sources), min_size=1, max_size=2)),
        },
        {
            "names": text,
            "stack": text,
            "networks": usually(st.lists(usually(networks), max_size=2)),
            "guestinfo": usually(st.dictionaries(KEYS, text, max_size=2)),
            "changes": usually(changes),
            "tags": usually(st.lists(TEXTS, max_size=2)),
            "ignore_changes": usually(st.lists(TEXTS, max_size=2)),
            "custom_attributes": usually(st.dictionaries(TEXTS, text, max_size=2)),
        },
    )
    fleets = st.dictionaries(st.one_of(st.sampled_from("abAB"), KEYS), usually(fleet), max_size=3)
    state = usually(st.dictionaries(KEYS, value, max_size=3))
    provider = usually(st.dictionaries(KEYS, value, max_size=2))
    return st.fixed_dictionaries({"fleets": usually(fleets)}, optional={"state": state, "provider": provider})


@given(document=documents(VALUES))
def test_any_document_with_the_structure_of_a_fleet_file_loads_or_has_findings(
    file: Path, document: dict[str, Any]
) -> None:
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
    """Return the fleet and the index of each member."""
    return [
        (fleet, index) for fleet in fleet_file.fleets.values() for source in fleet.sources for index in source.indexes
    ]


def addresses_of(planned: Iterable[str | MemberValue | None], index: int) -> list[str | int | None]:
    return [value.of(index) if isinstance(value, MemberValue) else value for value in planned]


def networks_of(fleet: Fleet) -> list[str]:
    """Return the network name of each interface of the fleet."""
    named = [network.network for network in fleet.networks] + [None] * (len(SOURCE_VM.nics) - len(fleet.networks))
    return [(name or nic.network_name).rpartition("/")[2] for name, nic in zip(named, SOURCE_VM.nics, strict=True)]


def duplicates(values: list[Any]) -> list[Any]:
    return [value for value, times in Counter(values).items() if times > 1]


@given(fleets=FLEETS)
def test_members_of_an_accepted_file_have_unique_names_and_addresses(file: Path, fleets: dict[str, Any]) -> None:
    fleet_file = read(file, f"fleets = {toml(fleets)}")
    if fleet_file is None:
        return
    every = clones(fleet_file)
    assert duplicates([fleet.clone_name(index) for fleet, index in every]) == []
    sources = {(name, source.key): SOURCE_VM for name, fleet in fleet_file.fleets.items() for source in fleet.sources}
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
            for pair in zip(networks_of(fleet), addresses_of(planned(fleet, SOURCE_VM), index), strict=True)
        ]
        for planned in (ip_addresses, mac_addresses)
    )
    assert duplicates([(network, address) for network, address in addresses if address is not None]) == []
    # A MAC address of the source must be unique on each network. A MAC address of a range must be unique in the file.
    source_macs = {nic.mac_address for nic in SOURCE_VM.nics}
    assert duplicates([(mac in source_macs and network, mac) for network, mac in macs if mac is not None]) == []
