# SPDX-License-Identifier: MPL-2.0
"""Plan: plan only data sources, or existing clones, with the plugin and with the stock provider alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.measuring import Measured, in_turns, medians
from benchmarks.side_by_side import SideBySide, require, timed
from benchmarks.targets import MEGABYTES, SECONDS, Target
from testkit.clone_stack import clones, document, source_of
from testkit.simulator import Simulator
from testkit.stock import StockProvider

__all__ = ["COUNTS", "PLUGIN", "STOCK", "WAYS", "case", "measure", "targets"]

COUNTS = (0, 1, 100)
PLUGIN, STOCK = "plugin", "stock provider"
WAYS = (PLUGIN, STOCK)


def case(count: int, way: str) -> str:
    """Return the name of the case that plans `count` existing clones, or only the data sources, with `way`."""
    what = "data sources alone" if count == 0 else f"{count} existing clone{'' if count == 1 else 's'}"
    return f"{what}, {way}"


def measure(
    folder: Path, stock: StockProvider, *, repeats: int, report_progress: Callable[[str], None]
) -> dict[str, Measured]:
    """Measure plans alternately against one simulator, with the same state for both providers.

    `folder` must not exist.

    Raises:
        BenchmarkError: A plan fails or contains a change.
    """
    report_progress("installing the providers")
    installed = SideBySide(folder, stock)
    cases: dict[str, Callable[[], Measured]] = {}
    with Simulator("-source", "golden", "-tools", "0s") as simulator:
        source = source_of(simulator, "golden")
        for count in COUNTS:
            report_progress(f"creating {count} clones")
            plugin = installed.plugin(str(count), simulator)
            alone = installed.stock(str(count), simulator)
            if count:
                names = [f"of-{count:03d}-{index:03d}" for index in range(count)]
                plugin.write(clones(source, installed.release, names))
                require(plugin.run("apply"))
            else:
                plugin.write(document(installed.release, {}))
            installed.hand_over(plugin, alone)
            cases[case(count, PLUGIN)] = partial(timed, plugin, "plan", changes=0)
            cases[case(count, STOCK)] = partial(timed, alone, "plan", changes=0)
        report_progress("warm-up run")
        for way in WAYS:
            cases[case(0, way)]()
        return medians(in_turns(cases, repeats=repeats, each=report_progress))


def targets(found: Mapping[str, Measured]) -> list[Target]:
    """Return the targets of the plans."""
    none, _, many = COUNTS

    def seconds(count: int, way: str) -> float:
        return found[case(count, way)].seconds

    def for_clones(way: str) -> float:
        return seconds(many, way) - seconds(none, way)

    memory = found[case(many, PLUGIN)].megabytes
    return [
        Target(
            "plan of data sources alone, in addition to the stock provider",
            at_most=0.4,
            found=seconds(none, PLUGIN) - seconds(none, STOCK),
            unit=SECONDS,
        ),
        Target(
            f"plan of {many} clones, time per clone, compared with the stock provider",
            at_most=1.15,
            found=for_clones(PLUGIN) / for_clones(STOCK),
        ),
        # Memory can only be measured on Linux.
        *(
            [Target(f"the plugin's memory, plan of {many} clones", at_most=50, found=memory, unit=MEGABYTES)]
            * bool(memory)
        ),
    ]
