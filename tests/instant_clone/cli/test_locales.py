# SPDX-License-Identifier: MPL-2.0
"""The commands in locales and terminals that are not UTF-8, with names that only UTF-8 can encode.

Each command runs in its own process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.simulator import Simulator

PROJECT = Path(__file__).resolve().parents[3]
COMMAND = "from instant_clone.cli import main; main()"
SOURCE = "instantclone.internal/fleet/vsphere"
NOT_UTF_8 = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "locale C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
in_each_locale = pytest.mark.parametrize("locale", list(NOT_UTF_8.values()), ids=list(NOT_UTF_8))
ARROW = {"ascii": "→", "latin-1": "\\u2192", None: "→"}
"""how the output shows an arrow; typer prints UTF-8 on a terminal that claims to be ASCII"""

NAME = "wöb→"
PLAN = {
    "format_version": "1.2",
    "terraform_version": "1.11.4",
    "resource_changes": [
        {
            "address": f'vsphere_virtual_machine.vm["{NAME}"]',
            "mode": "managed",
            "type": "vsphere_virtual_machine",
            "name": "vm",
            "provider_name": SOURCE,
            "change": {
                "actions": ["delete", "create"],
                "before": {"name": f"{NAME}\ud800", "instantclone": [{"source_uuid": "x"}]},
                "after": {"name": NAME, "instantclone": [{"source_uuid": "x"}]},
                "after_unknown": {},
                "replace_paths": [["name"]],
            },
        }
    ],
    "configuration": {},
}
FLEETS = """\
[fleets.web]
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
[[fleets.web.sources]]
vm = "golden-web"
record = "sources/gölden→.json"
count = 2
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a working folder with a name that is not ASCII."""
    folder = tmp_path / "größe→"
    folder.mkdir()
    return folder


def run(
    *arguments: str, folder: Path, locale: dict[str, str], environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run `instant-clone` in `folder`, and check that it handles all errors."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON", "TF_"))}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(PROJECT)} | (environ or {}) | locale,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode(errors="replace")
    return done


def output(done: subprocess.CompletedProcess[bytes], locale: dict[str, str]) -> str:
    return done.stdout.decode("latin-1" if "latin-1" in locale.values() else "utf-8")


@in_each_locale
def test_guard_prints_its_text(folder: Path, locale: dict[str, str]) -> None:
    (folder / "plän.json").write_text(json.dumps(PLAN))

    done = run("guard", "plän.json", folder=folder, locale=locale)

    assert done.returncode == 1
    arrow = ARROW[locale.get("PYTHONIOENCODING")]
    assert f'vm["wöb{arrow}"]' in output(done, locale)


@pytest.mark.parametrize("locale", [{}, *NOT_UTF_8.values()], ids=["default", *NOT_UTF_8])
def test_guard_prints_json_in_utf_8(folder: Path, locale: dict[str, str]) -> None:
    (folder / "plän.json").write_text(json.dumps(PLAN))

    done = run("guard", "plän.json", "--format", "json", folder=folder, locale=locale)

    (finding,) = json.loads(done.stdout.decode())["findings"]
    assert (finding["old"], finding["new"]) == (f"{NAME}\ud800", NAME)


@in_each_locale
@pytest.mark.parametrize(
    "arguments",
    [
        ("guard", "mïssing→.json"),
        ("guard", "--stack", "nö→"),
        ("guard", "--provider-version", "ö→", "x"),
        ("record", "ö→"),
        ("provider", "install", "--stock-binary", "ö→"),
        ("provider", "install", "--version", "ö→"),
        ("provider", "uninstall", "--version", "ö→", "--plugin-dir", "ö→"),
        ("nö→",),
    ],
    ids=" ".join,
)
def test_prints_messages_with_characters_outside_the_encoding(
    folder: Path, locale: dict[str, str], arguments: tuple[str, ...]
) -> None:
    (folder / "fleets.toml").write_text(FLEETS, encoding="utf-8")

    done = run(*arguments, folder=folder, locale=locale)

    assert done.returncode in {1, 2}
    assert done.stderr


@in_each_locale
def test_installs_the_plugin_in_a_home_with_characters_outside_the_encoding(
    folder: Path, locale: dict[str, str]
) -> None:
    stock = folder / "terraform-provider-vsphere_v2.16.1_x5"
    stock.write_text("#!/bin/sh\necho '1|5|unix|/nowhere|grpc|'\nexec sleep 600\n")
    environ = {"HOME": str(folder), "TERRAFORM_BINARY_NAME": "missing-terraform"}

    installed = run("provider", "install", "--stock-binary", str(stock), folder=folder, locale=locale, environ=environ)
    shown = run("provider", "info", folder=folder, locale=locale, environ=environ)
    removed = run("provider", "uninstall", folder=folder, locale=locale, environ=environ)

    shown_folder = str(folder).replace("→", ARROW[locale.get("PYTHONIOENCODING")])
    assert [done.returncode for done in (installed, shown, removed)] == [0, 0, 0]
    assert output(installed, locale) == f"Installed {SOURCE} 2.16.1 in {shown_folder}/.terraform.d/plugins.\n"
    assert output(shown, locale).startswith(f"{SOURCE} 2.16.1: ok\n  folder  {shown_folder}/.terraform.d/plugins/")
    assert output(removed, locale) == f"Removed {SOURCE} 2.16.1 from {shown_folder}/.terraform.d/plugins.\n"
    assert list((folder / ".terraform.d" / "plugins").iterdir()) == []


@pytest.mark.simulator
@in_each_locale
def test_record_writes_a_file_with_characters_outside_the_encoding(
    folder: Path, locale: dict[str, str], simulator: Simulator
) -> None:
    (folder / "fleets.toml").write_text(FLEETS, encoding="utf-8")
    environ = simulator.environment({})

    written = run("record", folder=folder, locale=locale, environ=environ)
    file = folder / "sources" / "gölden→.json"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("golden-web", "ölden→"), encoding="utf-8")
    checked = run("record", "--check", folder=folder, locale=locale, environ=environ)

    arrow = ARROW[locale.get("PYTHONIOENCODING")]
    assert (written.returncode, output(written, locale)) == (0, f"sources/gölden{arrow}.json new\n")
    assert checked.returncode == 1
    assert output(checked, locale).startswith(f"sources/gölden{arrow}.json changed, record {arrow} vCenter:\n")
