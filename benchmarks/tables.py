# SPDX-License-Identifier: MPL-2.0
"""The tables of `make bench`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from rich.table import Table

from benchmarks import apply, lookup, plan, synth
from benchmarks.measuring import Measured
from benchmarks.targets import Target

__all__ = ["apply_table", "lookup_table", "plan_table", "synth_table", "target_table"]

_MEMORY = "MB is the highest peak of a single plugin process (Python), without the stock provider"


def synth_table(found: Mapping[str, Measured]) -> Table:
    """Return the table of the synths, compared with an empty app."""
    memory = "Python and Node" if sys.platform == "linux" else "Python only"
    table = Table(
        title="Synth from a record, each in a separate process",
        caption=f"CPU and memory are measured for {memory}; memory is the sum of the peaks.",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("synth of")
    for heading in ("seconds", "× empty", "CPU s", "× empty", "MB"):
        table.add_column(heading, justify="right")
    empty = found[synth.EMPTY]
    for name, run in found.items():
        table.add_row(
            name,
            f"{run.seconds:.2f}",
            f"{run.seconds / empty.seconds:.2f}",
            f"{run.cpu_seconds:.2f}",
            f"{run.cpu_seconds / empty.cpu_seconds:.2f}",
            f"{run.megabytes:.0f}",
        )
    return table


def lookup_table(found: Mapping[str, Measured]) -> Table:
    """Return the table of the look-ups, compared with the loops."""
    table = Table(
        title="Look-up in the simulator, within a session, without log-in and log-out",
        caption="The look-up and the loop detect a second VM with the same name or UUID, so the loop reads all VMs. "
        "Both read the whole configuration of each source. Compare the look-up by path with the loop over .name. "
        f"For {lookup.SOURCES[-1]} sources among {lookup.VMS[0]} VMs, every VM is a source.",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("VMs", justify="right")
    table.add_column("sources", justify="right")
    table.add_column("found")
    for heading in ("requests", "seconds", "CPU s"):
        table.add_column(heading, justify="right")
    for vms in lookup.VMS:
        for sources in lookup.SOURCES:
            for way in lookup.WAYS:
                run = found[lookup.case(vms, sources, way)]
                numbers = f"{run.requests:,}", f"{run.seconds:.3f}", f"{run.cpu_seconds:.3f}"
                table.add_row(f"{vms:,}", str(sources), way, *numbers)
            table.add_section()
    return table


def plan_table(found: Mapping[str, Measured]) -> Table:
    """Return the table of the plans, with the plugin and with the stock provider alone."""
    table = _terraform_table("Plan of the same state in the simulator", "plan of")
    for count in plan.COUNTS:
        for way in plan.WAYS:
            _add(table, plan.case(count, way), found[plan.case(count, way)])
        table.add_section()
    return table


def apply_table(found: Mapping[str, Measured]) -> Table:
    """Return the table of the applies, compared with their two steps."""
    table = _terraform_table("Apply of clones of a frozen source in the simulator", "created or imported")
    for count in apply.COUNTS:
        for way in apply.WAYS:
            _add(table, apply.case(count, way), found[apply.case(count, way)])
        table.add_section()
    for name in (apply.SYNTH, apply.DEPLOY, apply.case(apply.MANY, apply.PLUGIN)):
        if name in found:
            _add(table, name, found[name])
    return table


def _terraform_table(title: str, first: str) -> Table:
    linux = sys.platform == "linux"
    table = Table(
        title=title,
        caption="CPU is the sum of Terraform and its providers, or of the loop, without the simulator. "
        + (f"{_MEMORY}." if linux else "Memory can be measured on Linux only."),
        title_justify="left",
        caption_justify="left",
    )
    table.add_column(first)
    for heading in ("seconds", "CPU s", "MB"):
        table.add_column(heading, justify="right")
    return table


def _add(table: Table, name: str, run: Measured) -> None:
    cpu = f"{run.cpu_seconds:.2f}" if run.cpu_seconds else ""
    table.add_row(name, f"{run.seconds:.2f}", cpu, f"{run.megabytes:.0f}" if run.megabytes else "")


def target_table(targets: Sequence[Target]) -> Table:
    """Return the table of the targets and the measured values."""
    table = Table(title="Targets", title_justify="left")
    table.add_column("value")
    table.add_column("target", justify="right")
    table.add_column("measured", justify="right")
    table.add_column("")
    for target in targets:
        verdict = "[green]met[/]" if target.reached else "[red]missed[/]"
        table.add_row(target.what, target.wanted, target.measured, verdict)
    return table
