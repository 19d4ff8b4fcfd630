# SPDX-License-Identifier: MPL-2.0
"""Slips in writing TOML: one finding each, with what was meant, and no others that only follow from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.fleet import load
from tests.instant_clone.fleet.fleet_files import PLACE, WEB, errors, fleet, parse

LAB = f'[fleets.lab]\n{PLACE}\n[[fleets.lab.sources]]\nvm = "golden-lab"\ncount = 1\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            WEB.replace("fleets.", "fleet."),
            '[fleet]: is not a key that is known here. Did you mean "fleets", as in [fleets.web]?',
        ),
        (
            WEB.replace("fleets.", "fleet.") + LAB,
            '[fleet]: is not a key that is known here. Did you mean "fleets", as in [fleets.web]?',
        ),
        (
            WEB.replace("[fleets.web]", "[fleet.web]"),
            '[fleet]: is not a key that is known here. Did you mean "fleets", as in [fleets.web]?',
        ),
        (WEB.replace("fleets.", ""), "[web]: is not a key that is known here. A fleet begins with [fleets.web]."),
        (
            WEB.replace("fleets.web", "fleet"),
            "[fleet]: is not a key that is known here. A fleet begins with [fleets.NAME].",
        ),
        (
            WEB.replace("fleets.web", "fleets"),
            "[fleets]: datacenter, datastore, resource_pool, sources are of no fleet. Begin it with [fleets.NAME].",
        ),
        (
            '[fleets]\ndatacenter = "DC0"\n' + WEB,
            "[fleets]: datacenter is of no fleet. Move it into a [fleets.NAME].",
        ),
        (
            f'[[fleets]]\nname = "web"\n{PLACE}',
            "fleets: is a list of tables. Begin each fleet with [fleets.NAME], in single brackets.",
        ),
        (
            WEB.replace("[[", "[").replace("]]", "]"),
            "[fleets.web] sources: is one table, and should be a list of them. "
            "Begin it with [[fleets.web.sources]], in double brackets.",
        ),
        (
            f"{WEB}[fleets.web.changes.disks]\nsize = 1",
            "[fleets.web.changes] disks: is one table, and should be a list of them. "
            "Begin it with [[fleets.web.changes.disks]], in double brackets.",
        ),
        (
            f"{WEB}[[fleets.web.changes]]\nmemory = 8192",
            "[fleets.web] changes: is a list of tables, and should be one. "
            "Begin it with [fleets.web.changes], in single brackets.",
        ),
        (
            f'{WEB}[fleets.web.guestinfo]\nguestinfo.ic.hostname = "{{name}}"',
            "[fleets.web.guestinfo] guestinfo.ic.hostname: is not in quotes, and its dots part it. "
            'Write "guestinfo.ic.hostname".',
        ),
        (
            f'{WEB}[fleets.web.guestinfo]\n"guestinfo.a" = "b"\ntags = ["a/b"]',
            "[fleets.web.guestinfo] tags: 'tags' does not reach the guest. It belongs in [fleets.web].",
        ),
        (
            f"{WEB}timeout = 3",
            "[[fleets.web.sources]] number 1, timeout: is not a key that is known here. It belongs in [fleets.web].",
        ),
        (
            fleet(f"{PLACE}generation = 3"),
            "[fleets.web] generation: is not a key that is known here. It belongs in [[fleets.web.sources]].",
        ),
        (
            fleet(f"{PLACE}num_cpus = 8"),
            "[fleets.web] num_cpus: is not a key that is known here. It belongs in [fleets.web.changes].",
        ),
        (
            f'{WEB}[[fleets.web.network]]\nnetwork = "lab"',
            '[fleets.web] network: is not a key that is known here. Did you mean "networks"?',
        ),
        (
            fleet(f'{PLACE}folder = "/DC0/vm/ci/web"'),
            "[fleets.web] folder: '/DC0/vm/ci/web' is not a relative path. "
            'Write what is below the datacenter\'s VM folder: "ci/web".',
        ),
        (
            f'{WEB}[state.s3]\nbucket = "x"\nkey = "{{fleet}}"',
            '[state.s3]: a backend is not a table. Write backend = "s3" in [state], with its arguments.',
        ),
        (
            f'{WEB}[state]\ntype = "s3"\nbucket = "x"\nkey = "{{fleet}}"',
            '[state] backend: is missing, and the backend local has no type, bucket, key. Write backend = "s3".',
        ),
        (
            f'{WEB}[state]\nbucket = "x"\nprefix = "{{fleet}}"',
            "[state] backend: is missing, and the backend local has no bucket, prefix. "
            "There are local, azurerm, cloud, "
            "consul, cos, gcs, http, kubernetes, oci, oss, pg, remote, s3.",
        ),
    ],
)
def test_a_slip_is_one_finding(text: str, expected: str, tmp_path: Path) -> None:
    assert errors(tmp_path, text) == [expected]


def test_what_stands_in_a_misspelt_table_is_checked_as_well(tmp_path: Path) -> None:
    text = WEB.replace("fleets.", "fleet.").replace("count = 3", "count = -1")
    assert errors(tmp_path, text) == [
        '[fleet]: is not a key that is known here. Did you mean "fleets", as in [fleets.web]?',
        "[[fleets.web.sources]] number 1, count: -1 is out of range. Write a number of at least 0.",
    ]


@pytest.mark.parametrize("name", ["sources", "guestinfo", "datacenter"])
def test_a_fleet_may_be_called_as_a_key_is(name: str, tmp_path: Path) -> None:
    assert list(parse(tmp_path, WEB.replace("fleets.web", f"fleets.{name}")).fleets) == [name]


def test_a_file_of_an_editor_that_marks_utf8_is_read(tmp_path: Path) -> None:
    path = tmp_path / "fleets.toml"
    path.write_bytes(b"\xef\xbb\xbf" + WEB.encode())
    assert list(load(path).fleets) == ["web"]
