# SPDX-License-Identifier: MPL-2.0
"""Tests of the local value with the members of a source."""

from __future__ import annotations

import json
from pathlib import Path

import cdktf
import pytest
from cdktf import Annotations, App, TerraformStack, TerraformVariable

from constructs.member_table import Rows, add_member_table

ROWS = {"web-1": {"ip": "10.0.0.11"}, "web-0": {"ip": "10.0.0.10"}}
ESCAPED = {'$${x}"\\é\u2028': {"a": "%%{y}\n\t\x7f", "b": "$"}, "plain": {}}


def written(app: App, stack: str) -> str:
    app.synth()
    return Path(app.outdir, "stacks", stack, "cdk.tf.json").read_text(encoding="utf-8")


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(outdir=str(tmp_path), stack_traces=False)


def test_writes_one_line_per_clone_sorted_by_name(app: App) -> None:
    add_member_table(TerraformStack(app, "web"), "table", name="vm_members", rows=ROWS)
    assert (
        '  "locals": {\n'
        '    "vm_members": {\n'
        '      "web-0": {"ip": "10.0.0.10"},\n'
        '      "web-1": {"ip": "10.0.0.11"}\n'
        "    }\n"
        "  },\n"
    ) in written(app, "web")


@pytest.mark.parametrize("rows", [ROWS, ESCAPED, {"web-0": {}}, {}])
def test_table_contains_the_given_rows(rows: Rows, app: App) -> None:
    stack = TerraformStack(app, "web")
    add_member_table(stack, "table", name="vm_members", rows=rows)
    assert json.loads(written(app, "web"))["locals"] == {"vm_members": rows}


def test_writes_several_tables_of_several_stacks(app: App) -> None:
    for name in ("a", "b"):
        stack = TerraformStack(app, name)
        for key in ("x", "y"):
            add_member_table(stack, key, name=f"{key}_members", rows={f"{name}-{key}": {}})
    app.synth()
    for name in ("a", "b"):
        document = json.loads(Path(app.outdir, "stacks", name, "cdk.tf.json").read_text(encoding="utf-8"))
        assert document["locals"] == {"x_members": {f"{name}-x": {}}, "y_members": {f"{name}-y": {}}}


def test_values_can_be_references(app: App) -> None:
    stack = TerraformStack(app, "web")
    address = TerraformVariable(stack, "address", type="string").string_value
    add_member_table(stack, "table", name="vm_members", rows={"web-0": {"ip": address}})
    assert json.loads(written(app, "web"))["locals"] == {"vm_members": {"web-0": {"ip": "${var.address}"}}}


def test_writes_escapes_that_terraform_expressions_lack(app: App) -> None:
    rows = {"web-0": {"bell": "\b\f"}}
    add_member_table(TerraformStack(app, "web"), "table", name="vm_members", rows=rows)
    assert json.loads(written(app, "web"))["locals"] == {"vm_members": rows}


def test_synth_of_cdktf_testing_contains_the_expression() -> None:
    stack = TerraformStack(cdktf.Testing.app(), "web")
    add_member_table(stack, "table", name="vm_members", rows={**ROWS, "web-2": {"ip": '"'}})
    assert json.loads(cdktf.Testing.synth(stack))["locals"] == {
        "vm_members": '${{"web-0": {"ip": "10.0.0.10"}, "web-1": {"ip": "10.0.0.11"}, "web-2": {"ip": "\\""}}}'
    }


def test_cdktf_validation_errors_still_fail_the_synth(app: App) -> None:
    stack = TerraformStack(app, "web")
    add_member_table(stack, "table", name="vm_members", rows=ROWS)
    Annotations.of(stack).add_error("this is wrong")
    with pytest.raises(RuntimeError, match="this is wrong"):
        app.synth()
    assert not Path(app.outdir, "stacks", "web", "cdk.tf.json").exists()
