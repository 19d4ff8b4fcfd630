# SPDX-License-Identifier: MPL-2.0
"""`instant-clone record`: look up the sources in vCenter, and save their records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from instant_clone.fleet import Fleet, FleetFile
    from instant_clone.vm.source_vm import SourceVm

__all__ = ["record"]


def record(
    fleets: Annotated[
        list[str] | None,
        typer.Argument(metavar="FLEET", help="Record only these fleets. The default is all fleets in the fleet file."),
    ] = None,
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Compare the records with vCenter instead of writing them. Exit with code 1 if a record differs.",
        ),
    ] = False,
) -> None:
    """Look up the sources of fleets in vCenter, and write their records.

    The command reads fleets.toml, or the file in INSTANT_CLONE_FLEETS. It needs the variables VSPHERE_SERVER,
    VSPHERE_USER and VSPHERE_PASSWORD. It writes records only if it finds all sources, and does not rewrite an
    unchanged record. It also records a source that is not powered on, and prints a warning to standard error.
    """
    # Imported here to keep --help of all commands fast.
    import os
    from pathlib import Path

    from instant_clone.fleet import DEFAULT_FILE, FLEETS_VARIABLE, load_from
    from instant_clone.sources import look_up_live
    from instant_clone.vm import record as records

    folder = Path()
    file = os.environ.get(FLEETS_VARIABLE) or DEFAULT_FILE
    chosen = _selected_fleets(load_from(os.environ, folder=folder), fleets or [], file)
    found = look_up_live(chosen, environ=os.environ, not_running=_warn_not_running)
    # Two fleets may share a record.
    machines = {
        folder / fleet.record_path(source): found[fleet.name, source.key]
        for fleet in chosen
        for source in fleet.sources
    }
    if check:
        _check(machines, _ignored(chosen, folder))
        return
    for path, machine in machines.items():
        state = _record_state(path, records.dump(machine))
        if state != "unchanged":
            records.save(machine, path)
        typer.echo(f"{path} {state}")


def _warn_not_running(machine: SourceVm) -> None:
    """Print to standard error that a source is not powered on. The record of the source is still valid."""
    typer.echo(
        f"{machine.inventory_path}: the source is not powered on. Its record is valid, but only a running VM can be "
        "cloned. Power it on before you create clones of it.",
        err=True,
    )


def _ignored(fleets: Sequence[Fleet], folder: Path) -> dict[Path, frozenset[str]]:
    """Return the properties whose differences are ignored, for each record. Two fleets may share a record."""
    ignored: dict[Path, frozenset[str]] = {}
    for fleet in fleets:
        for source in fleet.sources:
            path, properties = folder / fleet.record_path(source), fleet.ignored_drift(source)
            ignored[path] = ignored.get(path, properties) & properties
    return ignored


def _check(machines: dict[Path, SourceVm], ignored: dict[Path, frozenset[str]]) -> None:
    from instant_clone.errors import RecordError
    from instant_clone.vm import record as records

    same = True
    for path, machine in machines.items():
        if not records.is_there(path):
            same = False
            typer.echo(f"{path} missing")
            continue
        try:
            recorded = records.load(path)
        except RecordError as error:
            same = False
            typer.echo(str(error))
            continue
        differences = records.differences(recorded, records.with_values_of(recorded, machine, ignored[path]))
        typer.echo(f"{path} {'changed, record → vCenter:' if differences else 'unchanged'}")
        if differences:
            same = False
            typer.echo(records.listed(differences))
    raise typer.Exit(0 if same else 1)


def _selected_fleets(fleet_file: FleetFile, names: Sequence[str], file: str) -> list[Fleet]:
    from difflib import get_close_matches

    from instant_clone.errors import Finding, FleetFileError

    known = fleet_file.fleets
    findings = []
    for name in dict.fromkeys(names):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            cure = f"Did you mean {near[0]!r}?" if near else f"Existing fleets: {', '.join(sorted(known))}."
            findings.append(Finding(file, f"fleet {name!r} not found.", cure))
    if findings:
        raise FleetFileError(*findings)
    return [fleet for name, fleet in known.items() if not names or name in names]


def _record_state(path: Path, text: str) -> str:
    try:
        return "unchanged" if path.read_bytes() == text.encode() else "changed"
    except (FileNotFoundError, NotADirectoryError):
        return "new"
    except (OSError, ValueError):
        # records.save reports the error.
        return "changed"
