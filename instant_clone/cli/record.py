"""`instant-clone record`: look the sources up and save what vCenter says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from instant_clone.fleet import Fleet, FleetFile

__all__ = ["record"]


def record(
    fleets: Annotated[
        list[str] | None,
        typer.Argument(metavar="FLEET", help="Fleets to record; all of the file if none is named."),
    ] = None,
) -> None:
    """Look the sources of fleets up in vCenter, and write their records.

    Reads fleets.toml, or the file that INSTANT_CLONE_FLEETS names, and needs VSPHERE_SERVER, VSPHERE_USER and
    VSPHERE_PASSWORD. A record that has not changed is left as it is.
    """
    # Imported here, so that --help of any command starts at once.
    import os
    from pathlib import Path

    from rich.console import Console
    from rich.text import Text

    from instant_clone import record as records
    from instant_clone.fleet import load_from
    from instant_clone.vcenter.sources import look_up_live

    folder = Path()
    chosen = _chosen(load_from(os.environ, folder=folder), fleets or [])
    found = look_up_live(chosen, environ=os.environ)
    console = Console()
    for fleet in chosen:
        for source in fleet.sources:
            path = folder / fleet.record_path(source)
            machine = found[fleet.name, source.key]
            state = _state(path, records.dump(machine))
            if state != "unchanged":
                records.save(machine, path)
            console.print(Text(f"{path} {state}"), soft_wrap=True)


def _chosen(fleet_file: FleetFile, names: Sequence[str]) -> list[Fleet]:
    from difflib import get_close_matches

    from instant_clone.errors import Finding, FleetFileError

    known = fleet_file.fleets
    findings = []
    for name in dict.fromkeys(names):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            cure = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(sorted(known))}."
            findings.append(Finding("", f"There is no fleet {name!r}.", cure))
    if findings:
        raise FleetFileError(*findings)
    return [fleet for name, fleet in known.items() if not names or name in names]


def _state(path: Path, text: str) -> str:
    try:
        return "unchanged" if path.read_bytes() == text.encode() else "changed"
    except FileNotFoundError:
        return "new"
    except OSError:
        # Writing it says what is wrong.
        return "changed"
