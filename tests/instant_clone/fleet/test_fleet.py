# SPDX-License-Identifier: MPL-2.0
"""What fleets.toml may say, and what is said about it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from instant_clone.errors import FleetFileError
from instant_clone.fleet import Fleet, FleetFile, ProviderSettings, Source, load, load_from, with_environment
from instant_clone.stock_provider.releases import ProviderVersion
from tests.instant_clone.fleet.fleet_files import PLACE, TWO_SOURCES, WEB, errors, fleet, parse

PROJECT = Path(__file__).resolve().parents[3]


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
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


def test_the_committed_file_loads() -> None:
    web = load(PROJECT / "fleets.toml").fleets["web"]
    assert (web.stack, web.folder, web.create_folder) == ("dynamic", "web", True)
    assert [web.clone_name(index) for source in web.sources for index in source.indexes] == [
        "web-00",
        "web-01",
        "web-02",
    ]


def test_the_cluster_stands_before_the_resources_of_the_pool(tmp_path: Path) -> None:
    def cluster(pool: str) -> str | None:
        text = fleet(f'datacenter = "d"\ndatastore = "d"\npin = false\nresource_pool = "{pool}"')
        return parse(tmp_path, text).fleets["web"].cluster

    assert cluster("DC0_C0/Resources") == "DC0_C0"
    assert cluster("hall/DC0_C0/Resources/ci") == "hall/DC0_C0"
    assert cluster("Resources") is None
    assert cluster("ci") is None


def test_records_are_named_after_the_fleet_and_after_keys_that_were_given(tmp_path: Path) -> None:
    def records(text: str) -> list[PurePosixPath]:
        web = parse(tmp_path, text).fleets["web"]
        return [web.record_path(source) for source in web.sources]

    assert records(WEB) == [PurePosixPath("sources/web.json")]
    assert records(WEB + 'key = "vm"') == [PurePosixPath("sources/web-vm.json")]
    assert records(TWO_SOURCES) == [PurePosixPath("sources/web-a.json"), PurePosixPath("sources/web-b.json")]
    assert records(WEB + 'record = "golden/web.json"') == [PurePosixPath("golden/web.json")]


def test_members_are_ranges_of_indexes(tmp_path: Path) -> None:
    assert [source.indexes for source in parse(tmp_path, TWO_SOURCES).fleets["web"].sources] == [(0, 1, 7), (2, 3)]


def test_a_model_is_frozen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(tmp_path, WEB).fleets["web"].timeout = 3


def test_all_findings_come_at_once(tmp_path: Path) -> None:
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
        "[provider] version: release 1.26.0 is not supported. Use one from 2.0.2 up to, but not including, 3.0.0.",
        '[provider] sorce: is not a key that is known here. Did you mean "source"?',
        "[extra]: is not a key that is known here. There are provider, state, fleets.",
        '[fleets.web] name: is not a key that is known here. Did you mean "names"?',
        "[fleets.web] stack: 'statik' is not known. Write 'dynamic' or 'static'.",
        "[fleets.web] datastore: 3 is of the wrong type. Write a text in quotes.",
        "[fleets.web] resource_pool: is empty. Write its name.",
        "[fleets.web] folder: '/web' is not a relative path. Put / between its parts, not before or after them.",
        "[fleets.web] create_folder: 1 is of the wrong type. Write true or false.",
        "[fleets.web] names: {foo} in 'web-{foo}' is no placeholder here. There are {fleet}, {index}.",
        "[fleets.web] timeout: 0 is out of range. Write a number of at least 1.",
        (
            "[[fleets.web.sources]] number 1, key: '1' cannot name a Terraform resource. "
            "Use letters, digits, _ and -, and begin with a letter or _."
        ),
        "[[fleets.web.sources]] number 1, count: -1 is out of range. Write a number of at least 0.",
        '[[fleets.web.sources]] number 1, vmm: is not a key that is known here. Did you mean "vm"?',
        (
            "[fleets.web.guestinfo] hostname: 'hostname' does not reach the guest. "
            "Let the key begin with guestinfo. and have no blanks."
        ),
        (
            "[fleets.web.guestinfo] hostname: '{ip' has a brace without its partner. "
            "Write {{ or }} for a brace that is meant as such."
        ),
        "[fleets.web.guestinfo] guestinfo.name: 3 is of the wrong type. Write a text in quotes.",
        '[fleets.web] datacentre: is not a key that is known here. Did you mean "datacenter"?',
        (
            "[fleets.web] password: is not a key that is known here. "
            "Credentials stand only in VSPHERE_SERVER, VSPHERE_USER and VSPHERE_PASSWORD: take it out."
        ),
        "[fleets.-x]: '-x' cannot name a fleet. Use letters, digits, _ and -, and do not begin with -.",
        "[fleets.-x] datacenter: is missing. Add it.",
        "[fleets.-x] resource_pool: is missing. Add it.",
        "[fleets.-x] sources: is missing. Add it.",
        "[fleets.empty] sources: there is no source. Begin one with [[fleets.empty.sources]].",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["fleets: there is no fleet. Begin one with [fleets.NAME]."]),
        ("fleets = 3", ["fleets: there is no fleet. Begin one with [fleets.NAME]."]),
        ("fleets.web = 3", ["fleets.web: is not a table. Begin it with [fleets.web]."]),
        (f"provider = 3\n{WEB}", ["provider: is not a table. Begin it with [provider]."]),
        (
            f'[provider]\nversion = "newest"\nsource = "vsphere"\n{WEB}',
            [
                "[provider] version: 'newest' is not a release. Write one such as \"2.16.1\".",
                (
                    "[provider] source: 'vsphere' is not a provider's address. "
                    'Write host, namespace and type, such as "instantclone.internal/fleet/vsphere".'
                ),
            ],
        ),
        (
            f'[provider]\nversion = "3.0.0"\n{WEB}',
            ["[provider] version: release 3.0.0 is not supported. Use one from 2.0.2 up to, but not including, 3.0.0."],
        ),
        (
            f"[provider]\nversion = 2\n{WEB}",
            ['[provider] version: 2 is not a text. Write a release in quotes, such as "2.16.1".'],
        ),
        (
            fleet('datacenter = "d"\ndatastore = "d"\nresource_pool = "ci"\ncreate_folder = true'),
            [
                (
                    "[fleets.web] resource_pool: the clones cannot be pinned: 'ci' does not tell the cluster. "
                    'Write it as "CLUSTER/Resources", or pin = false.'
                ),
                "[fleets.web] folder: is missing, but create_folder = true asks for it. Name the folder.",
            ],
        ),
        (
            fleet('datacenter = "d"\ndatastore = "ssd[1]"\nresource_pool = "c/Resources"'),
            [
                (
                    "[fleets.web] datastore: the stock provider cannot read a VM on 'ssd[1]', whose name has a closing "
                    "bracket. Rename the datastore, or name another one."
                )
            ],
        ),
        (
            fleet(f'{PLACE.replace("DC0", "DC[1]", 1)}folder = "web"\ncreate_folder = true'),
            [
                (
                    "[fleets.web] create_folder: the stock provider cannot make a folder in 'DC[1]', whose name it "
                    "takes for a pattern. Make the folder, and leave out create_folder."
                )
            ],
        ),
        (
            fleet(f'{PLACE}folder = "50% off/a%2fb"\ncreate_folder = true'),
            [
                (
                    "[fleets.web] folder: the stock provider cannot make 'a/b', as vCenter stores %, / and \\ as "
                    "escapes. Choose another name, or make the folder and leave out create_folder."
                )
            ],
        ),
        (
            fleet(f'{PLACE}names = "web"'),
            [
                (
                    "[fleets.web] names: 'web' would be the name of several clones. "
                    'Put {index} into the pattern, as in "{fleet}-{index}".'
                )
            ],
        ),
        (
            fleet(f'{PLACE}names = "{"w" * 80}{{index}}"'),
            [
                (
                    f"[fleets.web] names: '{'w' * 80}0' has 81 characters; the name of a VM has at most 80. "
                    "Shorten the pattern."
                )
            ],
        ),
        (
            fleet(f'{PLACE}names = "50%-{{index}}"'),
            ["[fleets.web] names: '50%-0' cannot be the name of a VM. Leave out / \\ and %."],
        ),
        (
            fleet(f'{PLACE}names = "{{index:>9}}"'),
            [
                (
                    "[fleets.web] names: '{index:>9}' formats {index} in a way that is not known. "
                    "Only {index} takes a format, such as {index:02d}."
                )
            ],
        ),
        (
            fleet(f'{PLACE}names = "{{fleet.__class__}}-{{index}}"'),
            [
                (
                    "[fleets.web] names: {fleet.__class__} in '{fleet.__class__}-{index}' is no placeholder here. "
                    "There are {fleet}, {index}."
                )
            ],
        ),
        (
            WEB.replace("count = 3", ""),
            [
                (
                    "[[fleets.web.sources]] number 1: count or members is needed, and only one of them. "
                    'Write count = 10, or members = "0-9".'
                )
            ],
        ),
        (
            WEB.replace("count = 3", 'members = "3-1"'),
            ["[[fleets.web.sources]] number 1, members: the range '3-1' runs backwards. Write \"1-3\"."],
        ),
        (
            WEB.replace("count = 3", 'members = "0-3,2"'),
            ["[[fleets.web.sources]] number 1, members: '0-3,2' names index 2 twice. Name each index once."],
        ),
        (
            WEB.replace("count = 3", 'members = "all"'),
            [
                (
                    "[[fleets.web.sources]] number 1, members: 'all' is neither an index nor a range. "
                    'Write them as in "0-9,12".'
                )
            ],
        ),
        (
            WEB.replace("count = 3", 'members = "0-999999999"'),
            ["[[fleets.web.sources]] number 1, members: '0-999999999' names more than 100000 clones. Name fewer."],
        ),
        (
            WEB.replace("count = 3", 'count = 1\nrecord = "../web.json"'),
            [
                (
                    "[[fleets.web.sources]] number 1, record: '../web.json' is not a relative path. "
                    "Put / between its parts, not before or after them."
                )
            ],
        ),
        (
            TWO_SOURCES.replace('key = "b"', 'key = "a"').replace('"2-3"', '"1-3"'),
            [
                "[[fleets.web.sources]] number 2, key: 'a' is the key of another source. Choose another one.",
                "[[fleets.web.sources]] members: index 1 belongs to two sources. Give each index to one source.",
            ],
        ),
        (
            TWO_SOURCES.replace('key = "b"', "").replace('members = "2-3"', "count = 2"),
            [
                "[[fleets.web.sources]] number 2, key: is missing. Each of several sources needs a key of its own; one "
                'that stood alone without has been "vm".',
                (
                    "[[fleets.web.sources]] number 2, count: is only for a fleet's single source. "
                    'Write members = "0-9", and other indexes for the other sources.'
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
                    "[fleets.web2] names: 'web-2' is also a clone of the fleet web, in the same folder. "
                    "Choose another pattern or another folder."
                ),
                (
                    "[[fleets.web2.sources]] record: sources/web.json would hold the record of another VM as well. "
                    "Name a file of its own."
                ),
            ],
        ),
    ],
)
def test_a_finding_names_the_place_and_the_cure(text: str, expected: list[str], tmp_path: Path) -> None:
    assert errors(tmp_path, text) == expected


def test_one_name_in_two_folders_is_two_vms(tmp_path: Path) -> None:
    other = f'[fleets.web2]\n{PLACE}folder = "web2"\nnames = "web-{{index}}"\n[[fleets.web2.sources]]\n'
    assert list(parse(tmp_path, f'{WEB}{other}vm = "golden-web"\ncount = 3').fleets) == ["web", "web2"]


def test_two_fleets_may_share_the_record_of_one_vm(tmp_path: Path) -> None:
    other = f'[fleets.web2]\n{PLACE}[[fleets.web2.sources]]\nrecord = "sources/web.json"\n'
    assert list(parse(tmp_path, f'{WEB}{other}vm = "golden-web"\ncount = 3').fleets) == ["web", "web2"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[fleets.web]\nx =\n", "fleets.toml: is not TOML: Invalid value (at line 2, column 4). Correct it there."),
        (b"a = 1\na = 2\n", "fleets.toml: is not TOML: Cannot overwrite a value (at line 2, column 6). "),
        (b"a = 1\nb = '\xff'", "fleets.toml: line 2 is not UTF-8. Save the file as UTF-8."),
        (b"a = " + b"[" * 5000, "fleets.toml: is nested too deeply. A fleet file has three levels."),
        (b"a = " + b"9" * 5000, "fleets.toml: is not TOML: Exceeds the limit"),
    ],
)
def test_a_file_that_is_not_toml_is_named_with_its_line(
    content: bytes, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fleets.toml").write_bytes(content)
    with pytest.raises(FleetFileError) as caught:
        load(Path("fleets.toml"))
    assert str(caught.value).startswith(expected)


def test_a_missing_file_is_named_with_the_variable_for_another(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError) as caught:
        load_from({"INSTANT_CLONE_FLEETS": "other.toml"}, folder=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'other.toml'}: there is no such file. "
        "Change to the folder that has it, or name another file in INSTANT_CLONE_FLEETS."
    )


def test_a_folder_is_no_fleet_file(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory."


def test_the_environment_names_file_and_release(tmp_path: Path) -> None:
    (tmp_path / "fleets.toml").write_text("not TOML")
    (tmp_path / "other.toml").write_text(WEB)
    environ = {"INSTANT_CLONE_FLEETS": "other.toml", "INSTANT_CLONE_PROVIDER_VERSION": "2.0.2"}
    fleet_file = load_from(environ, folder=tmp_path)
    assert fleet_file.provider == ProviderSettings(version=ProviderVersion("2.0.2"))
    assert fleet_file.fleets == load(tmp_path / "other.toml").fleets


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    (tmp_path / "fleets.toml").write_text(WEB)
    environ = {"INSTANT_CLONE_FLEETS": "", "INSTANT_CLONE_PROVIDER_VERSION": ""}
    assert load_from(environ, folder=tmp_path) == load(tmp_path / "fleets.toml")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2.16", "INSTANT_CLONE_PROVIDER_VERSION: '2.16' is not a release. Write one such as \"2.16.1\"."),
        (
            "2.0.1",
            (
                "INSTANT_CLONE_PROVIDER_VERSION: release 2.0.1 is not supported. "
                "Use one from 2.0.2 up to, but not including, 3.0.0."
            ),
        ),
    ],
)
def test_a_wrong_release_in_the_environment_is_named_with_the_variable(
    value: str, expected: str, tmp_path: Path
) -> None:
    fleet_file = parse(tmp_path, WEB)
    with pytest.raises(FleetFileError) as caught:
        with_environment(fleet_file, {"INSTANT_CLONE_PROVIDER_VERSION": value})
    assert str(caught.value) == expected
