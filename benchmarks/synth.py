# SPDX-License-Identifier: MPL-2.0
"""Synth: fleets of several sizes, an empty cdktf app, and an app with one VirtualMachine construct per clone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.measuring import Measured, in_turns, medians, run_alone
from benchmarks.targets import Target

__all__ = ["BINDINGS", "EMPTY", "each", "fleet", "measure", "targets"]

PROJECT = Path(__file__).resolve().parents[1]
APPS = Path(__file__).with_name("apps")
FLEET_SIZES = (1, 100, 1_000, 10_000)
EACH_SIZES = (100, 1_000)
EMPTY = "an empty cdktf app"
BINDINGS = "an app with only the vSphere provider"

_FLEET_FILE = """\
[fleets.web]
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
folder = "web"
create_folder = true
names = "web-{{index:05d}}"

[[fleets.web.sources]]
vm = "golden-web"
count = {count}

[[fleets.web.networks]]
cidr = "10.0.0.0/8"
first = "10.20.1.100"
gateway = "10.20.1.1"
dns = ["10.20.1.2", "10.20.1.3"]

[fleets.web.guestinfo]
"guestinfo.ic.hostname" = "{{name}}"
"guestinfo.ic.ipaddress" = "{{ip}}"
"guestinfo.ic.netmask" = "{{netmask}}"
"guestinfo.ic.gateway" = "{{gateway}}"
"guestinfo.ic.dns" = "{{dns}}"
"""


def fleet(count: int) -> str:
    """Return the name that the table shows for a fleet with `count` clones."""
    return f"a fleet of {_clones(count)}"


def each(count: int) -> str:
    """Return the name that the table shows for the app with one construct for each of `count` clones."""
    return f"one construct for each of {_clones(count)}"


def measure(folder: Path, *, repeats: int, report_progress: Callable[[str], None]) -> dict[str, Measured]:
    """Measure the synth of all apps alternately, and return the medians.

    Each synth uses records and runs in a separate process. `folder` must be empty. A first run of the app with the most
    imports fills jsii's caches. It is not part of the results.

    Raises:
        BenchmarkError: A synth fails.
    """
    shutil.copytree(PROJECT / "sources", folder / "sources")
    environment = _environment(os.environ)
    cases: dict[str, Callable[[], Measured]] = {}

    def case(name: str, script: Path, count: int | None = None) -> None:
        case_environment = dict(environment)
        if count is not None:
            case_environment["INSTANT_CLONE_FLEETS"] = f"{count}.toml"
            (folder / f"{count}.toml").write_text(_FLEET_FILE.format(count=count))
        cases[name] = partial(_synth, script, folder=folder, environment=case_environment)

    case(EMPTY, APPS / "empty.py")
    case(BINDINGS, APPS / "bindings.py")
    for count in FLEET_SIZES:
        case(fleet(count), PROJECT / "main.py", count)
    for count in EACH_SIZES:
        case(each(count), APPS / "one_construct_each.py", count)
    report_progress("warm-up run")
    cases[fleet(FLEET_SIZES[0])]()
    return medians(in_turns(cases, repeats=repeats, each=report_progress))


def targets(found: Mapping[str, Measured]) -> list[Target]:
    """Return the targets of the synths."""
    return [
        Target(f"{fleet(10_000)}, compared with {EMPTY}", at_most=1.3, found=_ratio(found, fleet(10_000), EMPTY)),
        # Every cdktf app for vSphere loads the bindings.
        Target(f"{fleet(10_000)}, compared with {BINDINGS}", at_most=1.3, found=_ratio(found, fleet(10_000), BINDINGS)),
        Target(
            f"{fleet(1_000)}, compared with {each(1_000)}", at_least=6, found=_ratio(found, each(1_000), fleet(1_000))
        ),
    ]


def _ratio(found: Mapping[str, Measured], one: str, other: str) -> float:
    return found[one].seconds / found[other].seconds


def _synth(script: Path, *, folder: Path, environment: Mapping[str, str]) -> Measured:
    shutil.rmtree(folder / "cdktf.out", ignore_errors=True)
    return run_alone(script, folder=folder, environment=environment)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without variables that select a vCenter, a fleet file or an output folder."""
    kept = {
        key: value for key, value in environ.items() if not key.startswith(("VSPHERE_", "INSTANT_CLONE_", "CDKTF_"))
    }
    paths = [str(PROJECT), kept.get("PYTHONPATH", "")]
    return kept | {"INSTANT_CLONE_LOOKUP": "record", "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _clones(count: int) -> str:
    return f"{count:,} clone{'' if count == 1 else 's'}"
