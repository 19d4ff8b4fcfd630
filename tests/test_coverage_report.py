# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from testkit.coverage_report import main

SIZE = {"num_statements": 1000, "num_branches": 100}
FULL = {**SIZE, "covered_lines": 1000, "covered_branches": 100}


def report(folder: Path, **by_file: dict[str, int]) -> Path:
    files = {name.replace("__", "/") + ".py": {"summary": summary} for name, summary in by_file.items()}
    path = folder / "coverage.json"
    path.write_text(json.dumps({"files": files}))
    return path


def test_full_coverage_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(report(tmp_path, instant_clone__plugin__resource__creation=FULL, main=FULL)) == 0

    out, err = capsys.readouterr()
    assert [line.split("  ")[0].strip() for line in out.splitlines()[1:]] == [
        "instant_clone/plugin/resource",
        "main",
        "the plugin's resource code",
        "the product",
    ]
    assert err == ""


def test_low_branch_coverage_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few_branches = {**FULL, "covered_branches": 94}

    assert main(report(tmp_path, instant_clone__errors=few_branches)) == 1
    assert "The coverage of the product is below 95 %" in capsys.readouterr().err


def test_low_coverage_of_the_resource_code_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few_statements = {**FULL, "covered_lines": 940}
    others = {f"instant_clone__room{number}__module": FULL for number in range(9)}

    assert main(report(tmp_path, instant_clone__plugin__resource__creation=few_statements, **others)) == 1

    err = capsys.readouterr().err
    assert "The coverage of the plugin's resource code is below 95 %" in err
    assert "the product" not in err


def test_code_of_the_plugin_process_is_not_resource_code(tmp_path: Path) -> None:
    untested = {**FULL, "covered_lines": 0, "covered_branches": 0}
    others = {f"instant_clone__room{number}__module": FULL for number in range(99)}

    assert main(report(tmp_path, instant_clone__plugin__process__server=untested, **others)) == 0
