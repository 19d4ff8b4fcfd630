# SPDX-License-Identifier: MPL-2.0
"""The values of a fleet except sources and networks, and their combinations."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.errors import FleetFileError
from instant_clone.fleet import AddedDisk, AddedNetwork, Changes, Fleet, Network, Source
from tests.instant_clone.fleet.fleet_files import PLACE, WEB, errors, fleet, parse

ALL_KEYS = """
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
annotation    = "test"
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


def test_parses_all_keys_into_the_model(tmp_path: Path) -> None:
    assert parse(tmp_path, ALL_KEYS).fleets["web"] == Fleet(
        name="web",
        stack="static",
        datacenter="DC0",
        datastore=None,
        datastore_cluster="DC0_POD0",
        resource_pool="DC0_C0/Resources",
        folder="web",
        create_folder=True,
        names="web-{index:02d}",
        annotation="test",
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
def test_accepts_each_form_of_a_vm_reference(vm: str, tmp_path: Path) -> None:
    assert parse(tmp_path, WEB.replace("golden-web", vm)).fleets["web"].sources[0].vm == vm


UNKNOWN = (
    "unknown key. Valid keys are stack, datacenter, datastore, datastore_cluster, resource_pool, "
    "folder, create_folder, names, annotation, pin, timeout, on_reboot, wait_for_network, tags, custom_attributes, "
    "ignore_changes, allow_duplicate_macs, sources, networks, guestinfo, changes."
)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            'tags = ["lab"]',
            'tags number 1: \'lab\' is not a valid tag. Use the form "category/name", such as "environment/lab".',
        ),
        (
            'tags = ["a/b", "/lab"]',
            'tags number 2: \'/lab\' is not a valid tag. Use the form "category/name", such as "environment/lab".',
        ),
        ('tags = ["a/b", "a/b"]', "tags: 'a/b' is listed 2 times. List it once."),
        ("tags = [3]", "tags number 1: 3 has the wrong type. Use a string in quotes."),
        ('tags = "a/b"', "tags: 'a/b' has the wrong type. Use a list of strings in quotes."),
        (
            'ignore_changes = ["memory_share_lvl"]',
            "ignore_changes number 1: 'memory_share_lvl' is not an argument of vsphere_virtual_machine. "
            'Did you mean "memory_share_level"?',
        ),
        (
            'ignore_changes = ["disk[0].label"]',
            "ignore_changes number 1: 'disk[0].label' is not an argument of vsphere_virtual_machine. "
            "Use the name of a top-level argument, without brackets or dots.",
        ),
        ("timeout = 9999999", "timeout: 9999999 is out of range. Use a number of at most 525600."),
        (f"timeout = 0x{'f' * 5000}", "timeout: this number is out of range. Use a number of at most 525600."),
        (f"annotation = 0x{'f' * 5000}", "annotation: this number has the wrong type. Use a string in quotes."),
        ("annotation = 1979-05-27", "annotation: this value has the wrong type. Use a string in quotes."),
        ("networks = 3", "networks: 3 has the wrong type. Use a list of tables."),
        ("changes = 3", "changes: 3 has the wrong type. Use a table."),
        ("guestinfo = 3", "guestinfo: 3 has the wrong type. Use a table."),
        (f"{'x' * 5000} = 1", f"{'x' * 5000}: {UNKNOWN}"),
        (f"{'.'.join(['color'] * 500)} = 1", f"color: {UNKNOWN}"),
        (
            'datastore_cluster = "pod"',
            "datastore_cluster: cannot be used together with datastore. Remove datastore or datastore_cluster.",
        ),
        (
            'names = "a\\nb-{index}"',
            "names: 'a\\nb-0' contains a non-printable character, or starts or ends with whitespace. "
            "Remove these characters from the pattern.",
        ),
        ('names = "{indx}"', "names: {indx} in '{indx}' is not a valid placeholder. Did you mean \"{index}\"?"),
    ],
)
def test_rejects_invalid_values(lines: str, expected: str, tmp_path: Path) -> None:
    assert errors(tmp_path, fleet(f"{PLACE}{lines}")) == [f"[fleets.web] {expected}"]


def test_rejects_a_key_with_thousands_of_parts(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError) as caught:
        parse(tmp_path, fleet(f"{PLACE}{'.'.join(['color'] * 3000)} = 1"))
    # Python 3.14 limits a key to 1000 parts.
    assert str(caught.value) in {
        f"{tmp_path / 'fleets.toml'}, [fleets.web] color: {UNKNOWN}",
        f"{tmp_path / 'fleets.toml'}: is nested too deeply. Use at most three levels of tables.",
    }


@pytest.mark.parametrize(
    ("vm", "expected"),
    [
        (
            "uuid:42",
            "'uuid:42' contains no valid UUID. Use a reference such as \"uuid:4210a5c8-7e3f-0d5c-93a1-2f6d8c0b1e47\".",
        ),
        ("moid:", "'moid:' contains no managed object ID. Use a reference such as \"moid:vm-42\"."),
        ("", "is empty. Enter a value."),
    ],
)
def test_rejects_an_invalid_vm_reference(vm: str, expected: str, tmp_path: Path) -> None:
    assert errors(tmp_path, WEB.replace("golden-web", vm)) == [f"[[fleets.web.sources]] number 1, vm: {expected}"]


def test_rejects_generation_zero(tmp_path: Path) -> None:
    assert errors(tmp_path, f"{WEB}generation = 0") == [
        "[[fleets.web.sources]] number 1, generation: 0 is out of range. Use a number of at least 1."
    ]


@pytest.mark.parametrize("name", ["cpu", "uuid", "inventory_path", "annotations", "disks[0].thin_provisioned", ""])
def test_rejects_drift_that_cannot_be_ignored(name: str, tmp_path: Path) -> None:
    assert errors(tmp_path, f'{WEB}ignore_drift = ["annotation", "{name}"]') == [
        f"[[fleets.web.sources]] number 1, ignore_drift, number 2: {name!r} cannot be ignored. "
        "Use annotation. Every other property of a source must match its record."
    ]


def test_rejects_drift_that_is_not_a_list(tmp_path: Path) -> None:
    assert errors(tmp_path, f'{WEB}ignore_drift = "annotation"') == [
        "[[fleets.web.sources]] number 1, ignore_drift: 'annotation' has the wrong type. "
        "Use a list of strings in quotes."
    ]


def test_rejects_custom_attributes_without_name_or_with_another_type(tmp_path: Path) -> None:
    assert errors(tmp_path, f'{WEB}[fleets.web.custom_attributes]\nteam = 3\n" " = "x"') == [
        "[fleets.web.custom_attributes] team: 3 has the wrong type. Use a string in quotes.",
        "[fleets.web.custom_attributes]  : the name of a custom attribute is empty. Enter a name.",
    ]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("50% off", "50% off"),
        ("50%25 off", "50% off"),
        ("a%2fb", "a/b"),
        ("a%2Fb", "a/b"),
        ("a\\\\b", "a\\b"),
        ("a%5cb", "a\\b"),
        ("a%5Cb", "a\\b"),
        ("%", "%"),
        ("100%", "100%"),
        ("a%2", "a%2"),
        ("a%zz", "a%zz"),
    ],
)
@pytest.mark.parametrize("parent", ["", "ci/", "a%2fb/"])
@pytest.mark.parametrize("version", ["2.0.2", "2.16.1"])
def test_rejects_a_folder_to_create_whose_name_vcenter_escapes(
    folder: str, name: str, parent: str, version: str, tmp_path: Path
) -> None:
    text = f'[provider]\nversion = "{version}"\n' + fleet(f'{PLACE}folder = "{parent}{folder}"\ncreate_folder = true')
    assert errors(tmp_path, text) == [
        f"[fleets.web] folder: the stock provider cannot create {name!r} because vCenter escapes %, / and \\. "
        "Use another name, or create the folder in vCenter and remove create_folder."
    ]


@pytest.mark.parametrize("name", [" web", "web ", "\\tweb", "web\\n", " "])
def test_rejects_a_folder_to_create_whose_name_vcenter_trims(name: str, tmp_path: Path) -> None:
    shown = name.replace("\\t", "\t").replace("\\n", "\n")
    assert errors(tmp_path, fleet(f'{PLACE}folder = "ci/{name}"\ncreate_folder = true')) == [
        f"[fleets.web] folder: vCenter removes the whitespace at the start and the end of {shown!r}. "
        "Use a name without this whitespace."
    ]
    assert parse(tmp_path, fleet(f'{PLACE}folder = "ci/{name}"')).fleets["web"].folder == f"ci/{shown}"


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("50% off/web", "50%25 off/web"),
        ("50%25 off/web", "50%25 off/web"),
        ("a%2fb/c\\\\d/web", "a%2fb/c%5cd/web"),
        ("web [x]*?", "web [x]*?"),
    ],
)
def test_creates_a_folder_below_folders_whose_names_vcenter_escapes(folder: str, path: str, tmp_path: Path) -> None:
    text = fleet(f'{PLACE}folder = "{folder}"\ncreate_folder = true')
    assert parse(tmp_path, text).fleets["web"].folder == path


def test_requires_a_datastore_or_a_datastore_cluster(tmp_path: Path) -> None:
    assert errors(tmp_path, WEB.replace('datastore = "LocalDS_0"', "")) == [
        "[fleets.web] datastore: is missing. Set datastore or datastore_cluster."
    ]
    assert errors(tmp_path, WEB.replace("datastore =", "datastor =")) == [
        '[fleets.web] datastor: unknown key. Did you mean "datastore"?'
    ]


def test_rejects_two_fleets_that_create_the_same_folder(tmp_path: Path) -> None:
    folder = 'folder = "ci"\ncreate_folder = true\n'
    text = "".join(
        f'[fleets.{name}]\n{PLACE}{folder}[[fleets.{name}.sources]]\nvm = "golden"\ncount = 1\n' for name in ("a", "b")
    )
    assert errors(tmp_path, text) == [
        "[fleets.b] create_folder: the fleet a also creates 'ci'. A destroy of that fleet would delete the folder. "
        "Set create_folder = false in one of the fleets, or use another folder."
    ]


PLAN = 'cidr = "192.168.0.0/24"\nfirst = "192.168.0.10"\n'


@pytest.mark.parametrize(
    ("networks", "pattern", "expected"),
    [
        ("", "{ipp}", "{ipp} in '{ipp}' is not a valid placeholder. Did you mean \"{ip}\"?"),
        (
            "",
            "{hostname}",
            "{hostname} in '{hostname}' is not a valid placeholder. Did you mean \"{name}\"?",
        ),
        (
            "",
            "{zone}",
            "{zone} in '{zone}' is not a valid placeholder. "
            "Valid placeholders are {name}, {index}, {source}, {fleet}, {ip}, "
            "{netmask}, {prefix}, {gateway}, {dns}, {mac}, {nic0_ip}, {nic1_ip} and so on.",
        ),
        (
            "",
            "{ip!r}",
            "'{ip!r}' contains an unsupported format of {ip}. Use a format only for {index}, such as {index:02d}.",
        ),
        ("", "{ip}", "{ip} requires an address plan. Set cidr and first in a [[fleets.web.networks]] table."),
        (
            "",
            "{mac}",
            "{mac} has no value at synth because vCenter generates the MAC address. "
            'Set mac to a first address, such as mac = "00:50:56:00:00:00", in a [[fleets.web.networks]] table.',
        ),
        (
            "[[fleets.web.networks]]\n",
            "{dns}",
            "{dns} requires an address plan. Set cidr and first in a [[fleets.web.networks]] table.",
        ),
        (
            f"[[fleets.web.networks]]\n[[fleets.web.networks]]\n{PLAN}",
            "{nic0_prefix}",
            "{nic0_prefix} requires an address plan. Set cidr and first in [[fleets.web.networks]] number 1.",
        ),
        (
            f"[[fleets.web.networks]]\n{PLAN}",
            "{nic1_ip}",
            "{nic1_ip} refers to an interface without a table; the number of tables is 1. "
            "Add [[fleets.web.networks]] number 2.",
        ),
        (
            f"[[fleets.web.networks]]\n{PLAN}",
            "{gateway}",
            "{gateway} requires a gateway. Set gateway in [[fleets.web.networks]] number 1.",
        ),
        (
            f"[[fleets.web.networks]]\n{PLAN}",
            "{nic0_dns}",
            "{nic0_dns} requires a DNS server. Set dns in [[fleets.web.networks]] number 1.",
        ),
        (
            f"[[fleets.web.networks]]\n{PLAN}",
            "{mac}",
            "{mac} has no value at synth because vCenter generates the MAC address. "
            'Set mac to a first address, such as mac = "00:50:56:00:00:00", in [[fleets.web.networks]] number 1.',
        ),
    ],
)
def test_rejects_placeholders_without_a_value(networks: str, pattern: str, expected: str, tmp_path: Path) -> None:
    text = f'{WEB}{networks}[fleets.web.guestinfo]\n"guestinfo.x" = "{pattern}"\n'
    assert errors(tmp_path, text) == [f"[fleets.web.guestinfo] guestinfo.x: {expected}"]


def test_rejects_guestinfo_keys_reserved_for_ownership(tmp_path: Path) -> None:
    assert errors(tmp_path, f'{WEB}[fleets.web.guestinfo]\n"guestinfo.instantclone.owner" = "me"') == [
        "[fleets.web.guestinfo] guestinfo.instantclone.owner: 'guestinfo.instantclone.owner' is reserved "
        'for the ownership tags of clones. Use a key that does not start with "guestinfo.instantclone.".'
    ]


def test_reports_errors_of_all_values_and_fleets(tmp_path: Path) -> None:
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
        "[state] path: does not contain {fleet}, so two fleets would share one state. "
        'Set it, as in path = "state/{fleet}.tfstate".',
        "[fleets.a] timeout: 'long' has the wrong type. Use an integer without quotes.",
        "[[fleets.a.sources]] number 1, vm: 3 has the wrong type. Use a string in quotes.",
        '[fleets.a] stak: unknown key. Did you mean "stack"?',
        "[[fleets.b.sources]] number 1, members: the range '1-0' is descending. Use \"0-1\".",
        "[fleets.c] names: 'web' would be the name of several clones. "
        'Add {index} to the pattern, as in "{fleet}-{index}".',
        "[[fleets.c.networks]] number 1, mac: member 1 would get a MAC address above 00:50:56:3f:ff:ff. "
        "Use a lower first address.",
    ]


def test_converts_inventory_names_to_the_form_in_vcenter(tmp_path: Path) -> None:
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
