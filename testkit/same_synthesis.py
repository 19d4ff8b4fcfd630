# SPDX-License-Identifier: MPL-2.0
"""Compare the output of two revisions of the app for the same fleet files and records.

`python -m testkit.same_synthesis REVISION` synthesizes fleets with REVISION and with the checkout:

- the fleets of fleets.toml and of examples/
- one fleet for each named and each generated layout of testkit/layouts, for both kinds of stack and for several
  releases of the stock provider

It prints the files that differ, and exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from instant_clone.errors import ReplicaError
from instant_clone.fleet.loader import load
from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm import record
from instant_clone.vm.source_vm import SourceVm
from testkit.layouts.generated import generated
from testkit.layouts.machine import Machine
from testkit.layouts.named import FLAGS, LAYOUTS, Vcenter
from testkit.layouts.site import build
from testkit.simulator import Simulator
from tests.vcsim.client import Client

__all__ = ["main"]

PROJECT = Path(__file__).resolve().parents[1]
RELEASES = ("2.0.2", "2.5.1", "2.15.0", "2.16.1", "2.17.0")
GENERATED = 40

_FLEET = """
[fleets.{name}]
stack = "{stack}"
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
names = "{name}-{{index}}"
{more}
[[fleets.{name}.sources]]
vm = "{vm}"
record = "sources/{vm}.json"
count = 2
{changes}
"""
_CHANGES = """
[[fleets.{name}.changes.disks]]
size = 20

[[fleets.{name}.changes.networks]]
network = "VM Network"
"""


def main(revision: str) -> int:
    """Print the differences. Return 1 if a file differs or exists for only one revision, else 0."""
    different = 0
    with tempfile.TemporaryDirectory(prefix="instant-clone-") as temporary, _checkout(revision) as before:
        for folder in _projects(Path(temporary)):
            old, new = (_synthesize(tree, folder) for tree in (before, PROJECT))
            names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
            different += len(names)
            print(f"{folder.name}: {len(new)} files, {len(names)} different", flush=True)
            for name in names:
                print(f"  {name}")
    return 1 if different else 0


@contextmanager
def _checkout(revision: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="instant-clone-") as temporary:
        archive = subprocess.run(["git", "archive", revision], cwd=PROJECT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", temporary], input=archive, check=True)
        yield Path(temporary)


def _projects(root: Path) -> Iterator[Path]:
    """Yield folders that contain a fleet file and its records."""
    sources = dict(_sources())
    for release in RELEASES:
        folder = root / f"layouts-{release}"
        text = [f'[provider]\nversion = "{release}"\n']
        for vm, source in sources.items():
            if not _is_repeatable(source, release):
                continue
            record.save(source, folder / "sources" / f"{vm}.json")
            text += [
                _FLEET.format(name=f"{stack}-{vm}", stack=stack, vm=vm, more="", changes="")
                for stack in ("dynamic", "static")
            ]
        plain = next(vm for vm in sources if _is_repeatable(sources[vm], release))
        for stack in ("dynamic", "static"):
            name = f"changed-{stack}"
            more = 'annotation = "${not a reference}"\ntags = ["team/ci"]\nwait_for_network = 1'
            changes = _CHANGES.format(name=name)
            text.append(_FLEET.format(name=name, stack=stack, vm=plain, more=more, changes=changes))
        (folder / "fleets.toml").write_text("".join(text))
        yield folder
    template = record.load(PROJECT / "sources" / "lab.json")
    for example in (PROJECT, *(PROJECT / "examples" / name for name in ("dynamic", "static", "frozen"))):
        yield _example(example, root / f"example-{example.name}", template)


def _example(example: Path, folder: Path, template: SourceVm) -> Path:
    """Copy the fleet file of an example to a new `folder`, and write records with the hardware of `template`."""
    folder.mkdir()
    (folder / "fleets.toml").write_text((example / "fleets.toml").read_text())
    declared = [(fleet, each) for fleet in load(folder / "fleets.toml").fleets.values() for each in fleet.sources]
    for number, (fleet, spec) in enumerate(declared):
        identity = {
            "name": spec.vm,
            "inventory_path": f"/DC0/vm/{spec.vm}",
            "uuid": f"564d0000-0000-4000-8000-{number:012}",
        }
        record.save(template.model_copy(update=identity), folder / fleet.record_path(spec))
    return folder


def _sources() -> Iterator[tuple[str, SourceVm]]:
    for vcenter in get_args(Vcenter):
        machines: list[tuple[str, Machine, str]] = [
            (f"vm-{number}", layout.machine, layout.locale)
            for number, layout in enumerate(LAYOUTS.values())
            if layout.vcenter == vcenter
        ]
        if vcenter == "7.0.3":
            machines += [
                (f"generated-{number}", each, "") for number, each in enumerate(generated(GENERATED, number=1))
            ]
        yield from _looked_up(FLAGS[vcenter], machines).items()


def _looked_up(flags: Iterable[object], machines: list[tuple[str, Machine, str]]) -> Mapping[str, SourceVm]:
    with Simulator("-vm", 0, *flags) as simulator, Client(simulator) as client:
        return build(simulator, client, machines).sources


def _is_repeatable(source: SourceVm, release: str) -> bool:
    try:
        replicate(source, ProviderVersion(release))
    except ReplicaError:
        return False
    return True


def _synthesize(tree: Path, folder: Path) -> dict[str, bytes]:
    environ = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR", "LANG") if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="instant-clone-") as out:
        subprocess.run(
            [sys.executable, str(tree / "main.py")],
            cwd=folder,
            env={**environ, "CDKTF_OUTDIR": out, "INSTANT_CLONE_LOOKUP": "record"},
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        made = [Path(out), folder / "cdktf.out"]
        return {
            str(path.relative_to(root)): path.read_bytes()
            for root in made
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m testkit.same_synthesis", description=__doc__)
    parser.add_argument("revision", help="a commit, branch or tag to compare with")
    sys.exit(main(parser.parse_args().revision))
