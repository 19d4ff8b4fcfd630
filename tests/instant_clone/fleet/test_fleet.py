# SPDX-License-Identifier: MPL-2.0
"""Loading of fleets.toml, and the findings about an invalid file."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from instant_clone.errors import FleetFileError
from instant_clone.fleet import Fleet, FleetFile, ProviderSettings, Source, load, load_from, with_environment
from instant_clone.stock_provider.releases import ProviderVersion
from tests.instant_clone.fleet.fleet_files import PLACE, TWO_SOURCES, WEB, errors, fleet, parse

PROJECT = Path(__file__).resolve().parents[3]


def test_missing_keys_get_default_values(tmp_path: Path) -> None:
    assert parse(tmp_path, WEB) == FleetFile(
        provider=ProviderSettings(version=ProviderVersion("2.16.1"), source="instantclone.internal/fleet/vsphere"),
        fleets={
            "web": Fleet(
                name="web",
                stack="dynamic",
                datacenter="DC0",
                datastore="LocalDS_0",
                resource_pool="DC0_C0/Resources",
                folder="",
                create_folder=False,
                names="{fleet}-{index}",
                annotation=None,
                pin=True,
                timeout=30,
                wait_for_network=0,
                sources=(Source(key="vm", vm="golden-web", count=3, members=None, record=None),),
                guestinfo={},
            )
        },
    )


def test_loads_the_fleet_file_of_the_repository() -> None:
    web = load(PROJECT / "fleets.toml").fleets["web"]
    assert (web.stack, web.folder, web.create_folder) == ("dynamic", "web", True)
    assert [web.clone_name(index) for source in web.sources for index in source.indexes] == [
        "web-00",
        "web-01",
        "web-02",
    ]


def test_returns_the_cluster_of_the_resource_pool(tmp_path: Path) -> None:
    def cluster(pool: str) -> str | None:
        text = fleet(f'datacenter = "d"\ndatastore = "d"\npin = false\nresource_pool = "{pool}"')
        return parse(tmp_path, text).fleets["web"].cluster

    assert cluster("DC0_C0/Resources") == "DC0_C0"
    assert cluster("hall/DC0_C0/Resources/ci") == "hall/DC0_C0"
    assert cluster("Resources") is None
    assert cluster("ci") is None


def test_record_path_contains_the_fleet_name_and_an_explicit_key(tmp_path: Path) -> None:
    def records(text: str) -> list[PurePosixPath]:
        web = parse(tmp_path, text).fleets["web"]
        return [web.record_path(source) for source in web.sources]

    assert records(WEB) == [PurePosixPath("sources/web.json")]
    assert records(WEB + 'key = "vm"') == [PurePosixPath("sources/web-vm.json")]
    assert records(TWO_SOURCES) == [PurePosixPath("sources/web-a.json"), PurePosixPath("sources/web-b.json")]
    assert records(WEB + 'record = "golden/web.json"') == [PurePosixPath("golden/web.json")]


def test_parses_members_as_indexes_and_ranges(tmp_path: Path) -> None:
    assert [source.indexes for source in parse(tmp_path, TWO_SOURCES).fleets["web"].sources] == [(0, 1, 7), (2, 3)]


def test_model_is_frozen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(tmp_path, WEB).fleets["web"].timeout = 3


def test_reports_all_findings_of_a_file(tmp_path: Path) -> None:
    text = """
extra = 1
[provider]
version = "1.26.0"
sorce = "x"
[fleets.web]
datacentre = "DC0"
datastore = 3
resource_pool = ""
names = "web-{foo}"
password = "secret"
name = "web"
timeout = 0
stack = "statik"
create_folder = 1
folder = "/web"
[[fleets.web.sources]]
vmm = "golden"
count = -1
key = "1"
[fleets.web.guestinfo]
"hostname" = "{ip"
"guestinfo.name" = 3
[fleets."-x"]
[fleets.empty]
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
sources = []
"""
    assert errors(tmp_path, text) == [
        "[provider] version: release 1.26.0 is not supported. Use a release >= 2.0.2 and < 3.0.0.",
        '[provider] sorce: unknown key. Did you mean "source"?',
        "[extra]: unknown key. Valid keys are provider, state, fleets.",
        '[fleets.web] name: unknown key. Did you mean "names"?',
        "[fleets.web] stack: 'statik' is not a valid value. Use 'dynamic' or 'static'.",
        "[fleets.web] datastore: 3 has the wrong type. Use a string in quotes.",
        "[fleets.web] resource_pool: is empty. Enter a value.",
        "[fleets.web] folder: '/web' is not a simple relative path. "
        "Do not start or end the path with /, and do not use //, . or .. in the path.",
        "[fleets.web] create_folder: 1 has the wrong type. Use true or false.",
        "[fleets.web] names: {foo} in 'web-{foo}' is not a valid placeholder. Valid placeholders are {fleet}, {index}.",
        "[fleets.web] timeout: 0 is out of range. Use a number of at least 1.",
        (
            "[[fleets.web.sources]] number 1, key: '1' is not a valid name of a Terraform resource. "
            "Use letters, digits, _ and -, and start with a letter or _."
        ),
        "[[fleets.web.sources]] number 1, count: -1 is out of range. Use a number of at least 0.",
        '[[fleets.web.sources]] number 1, vmm: unknown key. Did you mean "vm"?',
        (
            "[fleets.web.guestinfo] hostname: 'hostname' is not visible to the guest. "
            'Start the key with "guestinfo." and use no whitespace.'
        ),
        (
            "[fleets.web.guestinfo] hostname: '{ip' contains a single brace. "
            'Use {{ or }} for a literal brace, or use { text = "…" } for a text without placeholders.'
        ),
        "[fleets.web.guestinfo] guestinfo.name: 3 has the wrong type. Use a string in quotes.",
        '[fleets.web] datacentre: unknown key. Did you mean "datacenter"?',
        (
            "[fleets.web] password: unknown key. "
            "Remove it, and set credentials only in VSPHERE_SERVER, VSPHERE_USER and VSPHERE_PASSWORD."
        ),
        "[fleets.-x]: '-x' is not a valid fleet name. Use letters, digits, _ and -, and do not start with -.",
        "[fleets.-x] datacenter: is missing. Add the key.",
        "[fleets.-x] resource_pool: is missing. Add the key.",
        "[fleets.-x] sources: is missing. Add the key.",
        "[fleets.empty] sources: the list is empty. Add a [[fleets.empty.sources]] table.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["fleets: the file contains no fleet. Start a fleet with [fleets.NAME]."]),
        ("fleets = 3", ["fleets: the file contains no fleet. Start a fleet with [fleets.NAME]."]),
        ("fleets.web = 3", ["fleets.web: is not a table. Start the table with [fleets.web]."]),
        (f"provider = 3\n{WEB}", ["provider: is not a table. Start the table with [provider]."]),
        (
            f'[provider]\nversion = "newest"\nsource = "vsphere"\n{WEB}',
            [
                "[provider] version: 'newest' is not a release. Use a release such as \"2.16.1\".",
                (
                    "[provider] source: 'vsphere' is not a provider source address. "
                    'Use HOSTNAME/NAMESPACE/TYPE, such as "instantclone.internal/fleet/vsphere".'
                ),
            ],
        ),
        (
            f'[provider]\nversion = "3.0.0"\n{WEB}',
            ["[provider] version: release 3.0.0 is not supported. Use a release >= 2.0.2 and < 3.0.0."],
        ),
        (
            f"[provider]\nversion = 2\n{WEB}",
            ['[provider] version: 2 is not a string. Use a release in quotes, such as "2.16.1".'],
        ),
        (
            fleet('datacenter = "d"\ndatastore = "d"\nresource_pool = "ci"\ncreate_folder = true'),
            [
                (
                    "[fleets.web] resource_pool: the clones cannot be pinned because 'ci' does not contain the "
                    "cluster. "
                    'Use "CLUSTER/Resources", or set pin = false.'
                ),
                "[fleets.web] folder: is required if create_folder is true. Set folder to a name or path.",
            ],
        ),
        (
            fleet('datacenter = "d"\ndatastore = "ssd[1]"\nresource_pool = "c/Resources"'),
            [
                (
                    "[fleets.web] datastore: the stock provider cannot read VMs on 'ssd[1]' because the name contains "
                    "a closing bracket. Rename the datastore, or use another datastore."
                )
            ],
        ),
        (
            fleet(f'{PLACE.replace("DC0", "DC[1]", 1)}folder = "web"\ncreate_folder = true'),
            [
                (
                    "[fleets.web] create_folder: the stock provider cannot create a folder in 'DC[1]' because it "
                    "interprets the name of the datacenter as a pattern. "
                    "Create the folder in vCenter, and remove create_folder."
                )
            ],
        ),
        (
            fleet(f'{PLACE}folder = "50% off/a%2fb"\ncreate_folder = true'),
            [
                (
                    "[fleets.web] folder: the stock provider cannot create 'a/b' because vCenter escapes %, / and \\. "
                    "Use another name, or create the folder in vCenter and remove create_folder."
                )
            ],
        ),
        (
            fleet(f'{PLACE}names = "web"'),
            [
                (
                    "[fleets.web] names: 'web' would be the name of several clones. "
                    'Add {index} to the pattern, as in "{fleet}-{index}".'
                )
            ],
        ),
        (
            fleet(f'{PLACE}names = "{"w" * 80}{{index}}"'),
            [(f"[fleets.web] names: '{'w' * 80}0' has 81 characters; a VM name has at most 80. Shorten the pattern.")],
        ),
        (
            fleet(f'{PLACE}names = "50%-{{index}}"'),
            [
                "[fleets.web] names: '50%-0' contains /, \\ or %, which the stock provider does not support in VM "
                "names. Remove these characters from the pattern."
            ],
        ),
        (
            fleet(f'{PLACE}names = "{{index:>9}}"'),
            [
                (
                    "[fleets.web] names: '{index:>9}' contains an unsupported format of {index}. "
                    "Use a format only for {index}, such as {index:02d}."
                )
            ],
        ),
        (
            fleet(f'{PLACE}names = "{{fleet.__class__}}-{{index}}"'),
            [
                (
                    "[fleets.web] names: {fleet.__class__} in '{fleet.__class__}-{index}' is not a valid placeholder. "
                    "Valid placeholders are {fleet}, {index}."
                )
            ],
        ),
        (
            WEB.replace("count = 3", ""),
            [
                (
                    "[[fleets.web.sources]] number 1: exactly one of count and members is required. "
                    'Set count = 10 or members = "0-9".'
                )
            ],
        ),
        (
            WEB.replace("count = 3", 'members = "3-1"'),
            ["[[fleets.web.sources]] number 1, members: the range '3-1' is descending. Use \"1-3\"."],
        ),
        (
            WEB.replace("count = 3", 'members = "0-3,2"'),
            ["[[fleets.web.sources]] number 1, members: '0-3,2' contains index 2 twice. List each index once."],
        ),
        (
            WEB.replace("count = 3", 'members = "all"'),
            [
                (
                    "[[fleets.web.sources]] number 1, members: 'all' is not an index or a range. "
                    'Use indexes and ranges, as in "0-9,12".'
                )
            ],
        ),
        (
            WEB.replace("count = 3", 'members = "0-999999999"'),
            [
                "[[fleets.web.sources]] number 1, members: '0-999999999' has more than 100000 indexes. "
                "Use at most 100000 indexes."
            ],
        ),
        (
            WEB.replace("count = 3", 'count = 1\nrecord = "../web.json"'),
            [
                (
                    "[[fleets.web.sources]] number 1, record: '../web.json' is not a simple relative path. "
                    "Do not start or end the path with /, and do not use //, . or .. in the path."
                )
            ],
        ),
        (
            TWO_SOURCES.replace('key = "b"', 'key = "a"').replace('"2-3"', '"1-3"'),
            [
                "[[fleets.web.sources]] number 2, key: 'a' is the key of another source. Use a unique key.",
                "[[fleets.web.sources]] members: index 1 is in several sources. Assign each index to one source.",
            ],
        ),
        (
            TWO_SOURCES.replace('key = "b"', "").replace('members = "2-3"', "count = 2"),
            [
                "[[fleets.web.sources]] number 2, key: is required if the fleet has several sources. "
                'Add a unique key. Use key = "vm" for a source that had no key as the only source of the fleet.',
                (
                    "[[fleets.web.sources]] number 2, count: is valid only if the fleet has one source. "
                    'Use members = "0-9", and different indexes for each source.'
                ),
            ],
        ),
        (
            (
                f'{WEB}[fleets.web2]\n{PLACE}names = "web-{{index}}"\n'
                '[[fleets.web2.sources]]\nvm = "other"\nmembers = "2-5"\nrecord = "sources/web.json"'
            ),
            [
                (
                    "[fleets.web2] names: the fleet web also has a clone 'web-2' in the same folder. "
                    "Use another pattern or another folder."
                ),
                (
                    "[[fleets.web2.sources]] record: sources/web.json is also the record of another VM. "
                    "Use a different file for each VM."
                ),
            ],
        ),
    ],
)
def test_finding_contains_place_problem_and_cure(text: str, expected: list[str], tmp_path: Path) -> None:
    assert errors(tmp_path, text) == expected


def test_accepts_the_same_clone_name_in_different_folders(tmp_path: Path) -> None:
    other = f'[fleets.web2]\n{PLACE}folder = "web2"\nnames = "web-{{index}}"\n[[fleets.web2.sources]]\n'
    assert list(parse(tmp_path, f'{WEB}{other}vm = "golden-web"\ncount = 3').fleets) == ["web", "web2"]


def test_accepts_one_record_for_two_fleets_with_the_same_source(tmp_path: Path) -> None:
    other = f'[fleets.web2]\n{PLACE}[[fleets.web2.sources]]\nrecord = "sources/web.json"\n'
    assert list(parse(tmp_path, f'{WEB}{other}vm = "golden-web"\ncount = 3').fleets) == ["web", "web2"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            b"[fleets.web]\nx =\n",
            "fleets.toml: is not valid TOML: Invalid value (at line 2, column 4). Correct the file.",
        ),
        (b"a = 1\na = 2\n", "fleets.toml: is not valid TOML: Cannot overwrite a value (at line 2, column 6). "),
        (b"a = 1\nb = '\xff'", "fleets.toml: line 2 is not UTF-8. Save the file as UTF-8."),
        (b"a = " + b"[" * 5000, "fleets.toml: is nested too deeply. Use at most three levels of tables."),
        (b"a = " + b"9" * 5000, "fleets.toml: is not valid TOML: Exceeds the limit"),
    ],
)
def test_rejects_invalid_toml_with_the_line(
    content: bytes, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fleets.toml").write_bytes(content)
    with pytest.raises(FleetFileError) as caught:
        load(Path("fleets.toml"))
    assert str(caught.value).startswith(expected)


def test_reports_a_missing_file_and_the_variable_for_its_path(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError) as caught:
        load_from({"INSTANT_CLONE_FLEETS": "other.toml"}, folder=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'other.toml'}: the file does not exist. "
        "Run the command in the folder of the file, or set INSTANT_CLONE_FLEETS to another path."
    )


def test_rejects_a_folder_as_fleet_file(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory."


def test_environment_overrides_file_and_release(tmp_path: Path) -> None:
    (tmp_path / "fleets.toml").write_text("not TOML")
    (tmp_path / "other.toml").write_text(WEB)
    environ = {"INSTANT_CLONE_FLEETS": "other.toml", "INSTANT_CLONE_PROVIDER_VERSION": "2.0.2"}
    fleet_file = load_from(environ, folder=tmp_path)
    assert fleet_file.provider == ProviderSettings(version=ProviderVersion("2.0.2"))
    assert fleet_file.fleets == load(tmp_path / "other.toml").fleets


def test_ignores_empty_environment_variables(tmp_path: Path) -> None:
    (tmp_path / "fleets.toml").write_text(WEB)
    environ = {"INSTANT_CLONE_FLEETS": "", "INSTANT_CLONE_PROVIDER_VERSION": ""}
    assert load_from(environ, folder=tmp_path) == load(tmp_path / "fleets.toml")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2.16", "INSTANT_CLONE_PROVIDER_VERSION: '2.16' is not a release. Use a release such as \"2.16.1\"."),
        (
            "2.0.1",
            ("INSTANT_CLONE_PROVIDER_VERSION: release 2.0.1 is not supported. Use a release >= 2.0.2 and < 3.0.0."),
        ),
    ],
)
def test_rejects_an_invalid_release_in_the_environment_variable(value: str, expected: str, tmp_path: Path) -> None:
    fleet_file = parse(tmp_path, WEB)
    with pytest.raises(FleetFileError) as caught:
        with_environment(fleet_file, {"INSTANT_CLONE_PROVIDER_VERSION": value})
    assert str(caught.value) == expected
