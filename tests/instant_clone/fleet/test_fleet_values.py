# SPDX-License-Identifier: MPL-2.0
"""The values of a fleet beside sources and networks: what they may be, and what they say together."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.errors import FleetFileError
from instant_clone.fleet import AddedDisk, AddedNetwork, Changes, Fleet, Network, Source
from tests.instant_clone.fleet.fleet_files import PLACE, WEB, errors, fleet, parse

EVERYTHING = """
[provider]
version = "2.16.1"
source  = "instantclone.internal/fleet/vsphere"
[state]
backend = "local"
path    = "state/{fleet}.tfstate"
[fleets.web]
stack         = "static"
datacenter    = "DC0"
datastore_cluster = "DC0_POD0"
resource_pool = "DC0_C0/Resources"
folder        = "web"
create_folder = true
names         = "web-{index:02d}"
annotation    = "ours"
pin           = true
timeout       = 30
wait_for_network = 0
tags          = ["environment/lab", "owner/a/b"]
custom_attributes = { team = "ci" }
ignore_changes = ["memory_share_level", "instantclone"]
allow_duplicate_macs = true
[[fleets.web.sources]]
key     = "a"
vm      = "golden-web"
members = "0-2,12"
generation = 2
record  = "sources/web-a.json"
[[fleets.web.networks]]
network = "VM Network"
mac     = "source"
cidr    = "192.168.0.0/24"
first   = "192.168.0.10"
gateway = "192.168.0.1"
dns     = ["192.168.0.2"]
[fleets.web.guestinfo]
"guestinfo.ic.hostname"  = "{name}"
"guestinfo.ic.ipaddress" = "{ip}"
[fleets.web.changes]
num_cpus = 8
memory   = 16384
  [[fleets.web.changes.disks]]
  size = 50
  [[fleets.web.changes.networks]]
  network = "backup"
"""


def test_everything_that_can_be_said_is_in_the_model(tmp_path: Path) -> None:
    assert parse(tmp_path, EVERYTHING).fleets["web"] == Fleet(
        name="web",
        stack="static",
        datacenter="DC0",
        datastore=None,
        datastore_cluster="DC0_POD0",
        resource_pool="DC0_C0/Resources",
        folder="web",
        create_folder=True,
        names="web-{index:02d}",
        annotation="ours",
        pin=True,
        timeout=30,
        wait_for_network=0,
        tags=("environment/lab", "owner/a/b"),
        custom_attributes={"team": "ci"},
        ignore_changes=("memory_share_level", "instantclone"),
        allow_duplicate_macs=True,
        sources=(Source(key="a", vm="golden-web", members="0-2,12", generation=2, record="sources/web-a.json"),),
        networks=(
            Network(
                network="VM Network",
                mac="source",
                cidr="192.168.0.0/24",
                first="192.168.0.10",
                gateway="192.168.0.1",
                dns=("192.168.0.2",),
            ),
        ),
        guestinfo={"guestinfo.ic.hostname": "{name}", "guestinfo.ic.ipaddress": "{ip}"},
        changes=Changes(
            num_cpus=8, memory=16384, disks=(AddedDisk(size=50),), networks=(AddedNetwork(network="backup"),)
        ),
    )


@pytest.mark.parametrize(
    "vm",
    ["golden", "hall/golden", "/DC0/vm/golden", "moid:vm-42", "uuid:4210A5C8-7e3f-0d5c-93a1-2f6d8c0b1e47", "a: b"],
)
def test_a_source_is_named_in_several_ways(vm: str, tmp_path: Path) -> None:
    assert parse(tmp_path, WEB.replace("golden-web", vm)).fleets["web"].sources[0].vm == vm


UNKNOWN = (
    "is not a key that is known here. There are stack, datacenter, datastore, datastore_cluster, resource_pool, "
    "folder, create_folder, names, annotation, pin, timeout, on_reboot, wait_for_network, tags, custom_attributes, "
    "ignore_changes, allow_duplicate_macs, sources, networks, guestinfo, changes."
)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('tags = ["lab"]', "tags number 1: 'lab' is not a tag. Write category and name, such as \"environment/lab\"."),
        (
            'tags = ["a/b", "/lab"]',
            "tags number 2: '/lab' is not a tag. Write category and name, such as \"environment/lab\".",
        ),
        ('tags = ["a/b", "a/b"]', "tags: 'a/b' is named twice. Name it once."),
        ("tags = [3]", "tags number 1: 3 is of the wrong type. Write a text in quotes."),
        ('tags = "a/b"', "tags: 'a/b' is of the wrong type. Write a list of texts in quotes."),
        (
            'ignore_changes = ["memory_share_lvl"]',
            "ignore_changes number 1: 'memory_share_lvl' is not an argument of vsphere_virtual_machine. "
            'Did you mean "memory_share_level"?',
        ),
        (
            'ignore_changes = ["disk[0].label"]',
            "ignore_changes number 1: 'disk[0].label' is not an argument of vsphere_virtual_machine. "
            "Write one of its names without brackets or dots.",
        ),
        ("timeout = 9999999", "timeout: 9999999 is out of range. Write a number of at most 525600."),
        (f"timeout = 0x{'f' * 5000}", "timeout: this number is out of range. Write a number of at most 525600."),
        (f"annotation = 0x{'f' * 5000}", "annotation: this number is of the wrong type. Write a text in quotes."),
        ("annotation = 1979-05-27", "annotation: this value is of the wrong type. Write a text in quotes."),
        ("networks = 3", "networks: 3 is of the wrong type. Write a list of tables."),
        ("changes = 3", "changes: 3 is of the wrong type. Write a table."),
        ("guestinfo = 3", "guestinfo: 3 is of the wrong type. Write a table."),
        (f"{'x' * 5000} = 1", f"{'x' * 5000}: {UNKNOWN}"),
        (f"{'.'.join(['color'] * 500)} = 1", f"color: {UNKNOWN}"),
        (
            'datastore_cluster = "pod"',
            "datastore_cluster: stands beside datastore; clones go to one or the other. Take one of them out.",
        ),
        (
            'names = "a\\nb-{index}"',
            "names: 'a\\nb-0' cannot be the name of a VM. Leave out line breaks and the like, and blanks at its ends.",
        ),
        ('names = "{indx}"', "names: {indx} in '{indx}' is no placeholder here. Did you mean \"{index}\"?"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_the_cure(lines: str, expected: str, tmp_path: Path) -> None:
    assert errors(tmp_path, fleet(f"{PLACE}{lines}")) == [f"[fleets.web] {expected}"]


def test_a_key_of_thousands_of_parts_is_unknown_or_too_deep(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError) as caught:
        parse(tmp_path, fleet(f"{PLACE}{'.'.join(['color'] * 3000)} = 1"))
    # Python 3.14 reads keys of at most 1000 parts.
    assert str(caught.value) in {
        f"{tmp_path / 'fleets.toml'}, [fleets.web] color: {UNKNOWN}",
        f"{tmp_path / 'fleets.toml'}: is nested too deeply. A fleet file has three levels.",
    }


@pytest.mark.parametrize(
    ("vm", "expected"),
    [
        ("uuid:42", "'uuid:42' has no UUID. Write one such as \"uuid:4210a5c8-7e3f-0d5c-93a1-2f6d8c0b1e47\"."),
        ("moid:", "'moid:' has no managed object ID. Write one such as \"moid:vm-42\"."),
        ("", "is empty. Write its name."),
    ],
)
def test_an_identifier_without_one_is_refused(vm: str, expected: str, tmp_path: Path) -> None:
    assert errors(tmp_path, WEB.replace("golden-web", vm)) == [f"[[fleets.web.sources]] number 1, vm: {expected}"]


def test_a_generation_begins_with_one(tmp_path: Path) -> None:
    assert errors(tmp_path, f"{WEB}generation = 0") == [
        "[[fleets.web.sources]] number 1, generation: 0 is out of range. Write a number of at least 1."
    ]


def test_custom_attributes_are_texts_with_names(tmp_path: Path) -> None:
    assert errors(tmp_path, f'{WEB}[fleets.web.custom_attributes]\nteam = 3\n" " = "x"') == [
        "[fleets.web.custom_attributes] team: 3 is of the wrong type. Write a text in quotes.",
        "[fleets.web.custom_attributes]  : a custom attribute has no name. Write its name.",
    ]


def test_a_datastore_is_needed_or_a_cluster_of_them(tmp_path: Path) -> None:
    assert errors(tmp_path, WEB.replace('datastore = "LocalDS_0"', "")) == [
        "[fleets.web] datastore: is missing. Name a datastore, or a datastore_cluster."
    ]
    assert errors(tmp_path, WEB.replace("datastore =", "datastor =")) == [
        '[fleets.web] datastor: is not a key that is known here. Did you mean "datastore"?'
    ]


def test_two_fleets_cannot_make_one_folder(tmp_path: Path) -> None:
    folder = 'folder = "ci"\ncreate_folder = true\n'
    text = "".join(
        f'[fleets.{name}]\n{PLACE}{folder}[[fleets.{name}.sources]]\nvm = "golden"\ncount = 1\n' for name in ("a", "b")
    )
    assert errors(tmp_path, text) == [
        "[fleets.b] create_folder: the fleet a makes 'ci' already, and would remove it under these clones. "
        "Let one of them make it: create_folder = false here, or another folder."
    ]


PLAN = 'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\n'


@pytest.mark.parametrize(
    ("networks", "pattern", "expected"),
    [
        ("", "{ipp}", "{ipp} in '{ipp}' is no placeholder here. Did you mean \"{ip}\"?"),
        (
            "",
            "{hostname}",
            "{hostname} in '{hostname}' is no placeholder here. Did you mean \"{name}\"?",
        ),
        (
            "",
            "{zone}",
            "{zone} in '{zone}' is no placeholder here. There are {name}, {index}, {source}, {fleet}, {ip}, "
            "{netmask}, {prefix}, {gateway}, {dns}, {mac}, {nic0_ip}, {nic1_ip} and so on.",
        ),
        (
            "",
            "{ip!r}",
            "'{ip!r}' formats {ip} in a way that is not known. Only {index} takes a format, such as {index:02d}.",
        ),
        ("", "{ip}", "{ip} has no address plan behind it. Give cidr and first in a [[fleets.web.networks]]."),
        (
            "",
            "{mac}",
            "{mac} is not known at synth: vCenter generates the address. "
            'Write mac = "00:50:56:00:00:00", or another first address, in a [[fleets.web.networks]].',
        ),
        (
            "[[fleets.web.networks]]\n",
            "{dns}",
            "{dns} has no address plan behind it. Give cidr and first in a [[fleets.web.networks]].",
        ),
        (
            f"[[fleets.web.networks]]\n[[fleets.web.networks]]\n{PLAN}",
            "{nic0_prefix}",
            "{nic0_prefix} has no address plan behind it. Give cidr and first in [[fleets.web.networks]] number 1.",
        ),
        (
            f"[[fleets.web.networks]]\n{PLAN}",
            "{nic1_ip}",
            "{nic1_ip} is about an interface that has no table: there are 1. Add [[fleets.web.networks]] number 2.",
        ),
        (
            f"[[fleets.web.networks]]\n{PLAN}",
            "{gateway}",
            "{gateway} has no gateway behind it. Give gateway in [[fleets.web.networks]] number 1.",
        ),
        (
            f"[[fleets.web.networks]]\n{PLAN}",
            "{nic0_dns}",
            "{nic0_dns} has no name server behind it. Give dns in [[fleets.web.networks]] number 1.",
        ),
        (
            f"[[fleets.web.networks]]\n{PLAN}",
            "{mac}",
            "{mac} is not known at synth: vCenter generates the address. "
            'Write mac = "00:50:56:00:00:00", or another first address, in [[fleets.web.networks]] number 1.',
        ),
    ],
)
def test_a_placeholder_without_a_value_is_named_with_the_cure(
    networks: str, pattern: str, expected: str, tmp_path: Path
) -> None:
    text = f'{WEB}{networks}[fleets.web.guestinfo]\n"guestinfo.x" = "{pattern}"\n'
    assert errors(tmp_path, text) == [f"[fleets.web.guestinfo] guestinfo.x: {expected}"]


def test_the_marks_of_clones_are_not_for_others(tmp_path: Path) -> None:
    assert errors(tmp_path, f'{WEB}[fleets.web.guestinfo]\n"guestinfo.instantclone.owner" = "me"') == [
        "[fleets.web.guestinfo] guestinfo.instantclone.owner: 'guestinfo.instantclone.owner' is kept for the marks of "
        "the clones. Begin it otherwise than guestinfo.instantclone."
    ]


def test_a_faulty_value_hides_no_fault_of_another_value_or_fleet(tmp_path: Path) -> None:
    text = f"""
[state]
path = "x.tfstate"
[fleets.a]
{PLACE}
names = "web"
timeout = "long"
stak = "static"
[[fleets.a.sources]]
vm = 3
count = 2
[[fleets.a.networks]]
mac = "00:50:56:3f:ff:ff"
[fleets.b]
{PLACE}
names = "web"
[[fleets.b.sources]]
vm = "golden"
members = "1-0"
[fleets.c]
{PLACE}
names = "web"
[[fleets.c.sources]]
vm = "golden"
count = 2
[[fleets.c.networks]]
mac = "00:50:56:3f:ff:ff"
"""
    assert errors(tmp_path, text) == [
        "[state] path: has no {fleet}: two states in one place, as soon as there are two fleets. "
        'Write it as in path = "state/{fleet}.tfstate".',
        "[fleets.a] timeout: 'long' is of the wrong type. Write a whole number without quotes.",
        "[[fleets.a.sources]] number 1, vm: 3 is of the wrong type. Write a text in quotes.",
        '[fleets.a] stak: is not a key that is known here. Did you mean "stack"?',
        "[[fleets.b.sources]] number 1, members: the range '1-0' runs backwards. Write \"0-1\".",
        "[fleets.c] names: 'web' would be the name of several clones. "
        'Put {index} into the pattern, as in "{fleet}-{index}".',
        "[[fleets.c.networks]] number 1, mac: the member 1 would get an address above 00:50:56:3f:ff:ff. Begin lower.",
    ]


def test_names_of_inventory_objects_are_taken_as_vcenter_stores_them(tmp_path: Path) -> None:
    place = """
        datacenter = "50% DC"
        datastore = "a%2fb"
        resource_pool = "C[1]*/Resources"
        folder = 'back\\slash/[Prod] Web'
        """
    written = parse(tmp_path, fleet(place) + '[[fleets.web.networks]]\nnetwork = "DHCP%2F24 100%"\n').fleets["web"]

    assert (written.datacenter, written.datastore, written.resource_pool) == ("50%25 DC", "a%2fb", "C[1]*/Resources")
    assert written.folder == "back%5cslash/[Prod] Web"
    assert written.networks[0].network == "DHCP%2F24 100%25"
