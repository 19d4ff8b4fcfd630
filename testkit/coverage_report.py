# SPDX-License-Identifier: MPL-2.0
"""Statement and branch coverage by package, and the minimum that `make test` accepts.

`python -m testkit.coverage_report FILE` reads the JSON report of coverage.py, prints a table, and exits with 1 if the
coverage is below the minimum. The minimum applies to the whole product, and also to the plugin's resource code: the
modules that create, adopt, change and destroy virtual machines. The limit of coverage.py itself is not sufficient: it
applies to all files together, and to one percentage for statements and branches.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["LEAST_PERCENT", "Coverage", "main"]

LEAST_PERCENT = 95
"""the minimum for statements, and also for branches"""

_RESOURCE_CODE = PurePosixPath("instant_clone/plugin/resource")


@dataclass(frozen=True)
class Coverage:
    """The number of statements and branches, and how many of them were executed."""

    statements: int = 0
    statements_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(
            self.statements + other.statements,
            self.statements_run + other.statements_run,
            self.branches + other.branches,
            self.branches_run + other.branches_run,
        )

    @property
    def statement_percent(self) -> float:
        """Return the percentage of executed statements, or 100 without statements."""
        return 100 * self.statements_run / self.statements if self.statements else 100

    @property
    def branch_percent(self) -> float:
        """Return the percentage of executed branches, or 100 without branches."""
        return 100 * self.branches_run / self.branches if self.branches else 100

    @property
    def is_enough(self) -> bool:
        """Return whether both percentages reach LEAST_PERCENT."""
        return min(self.statement_percent, self.branch_percent) >= LEAST_PERCENT


def _is_resource_code(file: PurePosixPath) -> bool:
    return file.parent == _RESOURCE_CODE


def _package(file: PurePosixPath) -> str:
    return str(file.parent) if file.parent.parts else file.stem


def _read(report: Path) -> Mapping[PurePosixPath, Coverage]:
    files = json.loads(report.read_text())["files"]
    return {
        PurePosixPath(name): Coverage(
            summary["num_statements"], summary["covered_lines"], summary["num_branches"], summary["covered_branches"]
        )
        for name, summary in ((name, each["summary"]) for name, each in files.items())
    }


def main(report: Path) -> int:
    """Print the table. Return 1 if the product or the plugin's resource code is below LEAST_PERCENT, else 0."""
    files = _read(report)

    packages = {
        package: sum((coverage for file, coverage in files.items() if _package(file) == package), Coverage())
        for package in sorted(set(map(_package, files)))
    }
    resource_code = sum((coverage for file, coverage in files.items() if _is_resource_code(file)), Coverage())
    limited = {"the plugin's resource code": resource_code, "the product": sum(files.values(), Coverage())}
    width = max(map(len, [*packages, *limited]))
    print(f"{'covered by fast tests and simulator':{width}}  statements  branches")
    for name, coverage in [*packages.items(), *limited.items()]:
        print(f"{name:{width}}  {coverage.statement_percent:8.1f} %  {coverage.branch_percent:6.1f} %")
    low = [name for name, coverage in limited.items() if not coverage.is_enough]
    for name in low:
        print(
            f"The coverage of {name} is below {LEAST_PERCENT} %. Add tests. `make coverage` writes the lines and "
            "branches that were not executed to .cache/coverage/html/index.html.",
            file=sys.stderr,
        )
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
