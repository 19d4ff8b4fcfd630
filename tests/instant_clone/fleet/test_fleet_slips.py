# SPDX-License-Identifier: MPL-2.0
"""Typing errors in TOML: each has exactly one finding, which suggests the correct text."""

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
            '[fleet]: unknown key. Did you mean "fleets", as in [fleets.web]?',
        ),
        (
            WEB.replace("fleets.", "fleet.") + LAB,
            '[fleet]: unknown key. Did you mean "fleets", as in [fleets.web]?',
        ),
        (
            WEB.replace("[fleets.web]", "[fleet.web]"),
            '[fleet]: unknown key. Did you mean "fleets", as in [fleets.web]?',
        ),
        (WEB.replace("fleets.", ""), "[web]: unknown key. Start the fleet with [fleets.web]."),
        (
            WEB.replace("fleets.web", "fleet"),
            "[fleet]: unknown key. Start the fleet with [fleets.NAME].",
        ),
        (
            WEB.replace("fleets.web", "fleets"),
            "[fleets]: datacenter, datastore, resource_pool, sources do not belong to a fleet. "
            "Start the fleet with [fleets.NAME].",
        ),
        (
            '[fleets]\ndatacenter = "DC0"\n' + WEB,
            "[fleets]: datacenter does not belong to a fleet. Move the keys to a [fleets.NAME] table.",
        ),
        (
            f'[[fleets]]\nname = "web"\n{PLACE}',
            "fleets: is a list of tables instead of a table. Start each fleet with [fleets.NAME], in single brackets.",
        ),
        (
            WEB.replace("[[", "[").replace("]]", "]"),
            "[fleets.web] sources: is a table instead of a list of tables. "
            "Start each table with [[fleets.web.sources]], in double brackets.",
        ),
        (
            f"{WEB}[fleets.web.changes.disks]\nsize = 1",
            "[fleets.web.changes] disks: is a table instead of a list of tables. "
            "Start each table with [[fleets.web.changes.disks]], in double brackets.",
        ),
        (
            f"{WEB}[[fleets.web.changes]]\nmemory = 8192",
            "[fleets.web] changes: is a list of tables instead of a table. "
            "Start the table with [fleets.web.changes], in single brackets.",
        ),
        (
            f'{WEB}[fleets.web.guestinfo]\nguestinfo.ic.hostname = "{{name}}"',
            "[fleets.web.guestinfo] guestinfo.ic.hostname: is not in quotes, so TOML splits the key at its dots. "
            'Write "guestinfo.ic.hostname", in quotes.',
        ),
        (
            f'{WEB}[fleets.web.guestinfo]\n"guestinfo.a" = "b"\ntags = ["a/b"]',
            "[fleets.web.guestinfo] tags: 'tags' is not visible to the guest. Move it to [fleets.web].",
        ),
        (
            f"{WEB}timeout = 3",
            "[[fleets.web.sources]] number 1, timeout: unknown key. Move it to [fleets.web].",
        ),
        (
            fleet(f"{PLACE}generation = 3"),
            "[fleets.web] generation: unknown key. Move it to [[fleets.web.sources]].",
        ),
        (
            fleet(f"{PLACE}num_cpus = 8"),
            "[fleets.web] num_cpus: unknown key. Move it to [fleets.web.changes].",
        ),
        (
            f'{WEB}[[fleets.web.network]]\nnetwork = "lab"',
            '[fleets.web] network: unknown key. Did you mean "networks"?',
        ),
        (
            fleet(f'{PLACE}folder = "/DC0/vm/ci/web"'),
            "[fleets.web] folder: '/DC0/vm/ci/web' is an absolute inventory path. "
            'Use the path relative to the VM folder of the datacenter: "ci/web".',
        ),
        (
            f'{WEB}[state.s3]\nbucket = "x"\nkey = "{{fleet}}"',
            '[state.s3]: unknown table. Set backend = "s3" in [state], and move the arguments to [state].',
        ),
        (
            f'{WEB}[state]\ntype = "s3"\nbucket = "x"\nkey = "{{fleet}}"',
            "[state] backend: is missing, and the default backend local has no argument type, bucket, key. "
            'Set backend = "s3".',
        ),
        (
            f'{WEB}[state]\nbucket = "x"\nprefix = "{{fleet}}"',
            "[state] backend: is missing, and the default backend local has no argument bucket, prefix. "
            "Supported backends are local, azurerm, cloud, "
            "consul, cos, gcs, http, kubernetes, oci, oss, pg, remote, s3.",
        ),
    ],
)
def test_reports_one_finding_for_each_typing_error(text: str, expected: str, tmp_path: Path) -> None:
    assert errors(tmp_path, text) == [expected]


def test_checks_the_content_of_a_misspelled_table(tmp_path: Path) -> None:
    text = WEB.replace("fleets.", "fleet.").replace("count = 3", "count = -1")
    assert errors(tmp_path, text) == [
        '[fleet]: unknown key. Did you mean "fleets", as in [fleets.web]?',
        "[[fleets.web.sources]] number 1, count: -1 is out of range. Use a number of at least 0.",
    ]


@pytest.mark.parametrize("name", ["sources", "guestinfo", "datacenter"])
def test_accepts_a_fleet_named_like_a_key(name: str, tmp_path: Path) -> None:
    assert list(parse(tmp_path, WEB.replace("fleets.web", f"fleets.{name}")).fleets) == [name]


def test_reads_a_file_with_a_utf8_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "fleets.toml"
    path.write_bytes(b"\xef\xbb\xbf" + WEB.encode())
    assert list(load(path).fleets) == ["web"]
