# SPDX-License-Identifier: MPL-2.0
"""The clones of a source as a local value."""

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


def test_each_clone_has_a_line_of_its_own_in_the_order_of_the_names(app: App) -> None:
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
def test_the_table_has_what_it_was_given(rows: Rows, app: App) -> None:
    stack = TerraformStack(app, "web")
    add_member_table(stack, "table", name="vm_members", rows=rows)
    assert json.loads(written(app, "web"))["locals"] == {"vm_members": rows}


def test_several_tables_of_several_stacks_find_their_places(app: App) -> None:
    for name in ("a", "b"):
        stack = TerraformStack(app, name)
        for key in ("x", "y"):
            add_member_table(stack, key, name=f"{key}_members", rows={f"{name}-{key}": {}})
    app.synth()
    for name in ("a", "b"):
        document = json.loads(Path(app.outdir, "stacks", name, "cdk.tf.json").read_text(encoding="utf-8"))
        assert document["locals"] == {"x_members": {f"{name}-x": {}}, "y_members": {f"{name}-y": {}}}


def test_the_values_may_be_references(app: App) -> None:
    stack = TerraformStack(app, "web")
    address = TerraformVariable(stack, "address", type="string").string_value
    add_member_table(stack, "table", name="vm_members", rows={"web-0": {"ip": address}})
    assert json.loads(written(app, "web"))["locals"] == {"vm_members": {"web-0": {"ip": "${var.address}"}}}


def test_escapes_that_terraforms_expressions_lack_are_written_all_the_same(app: App) -> None:
    rows = {"web-0": {"bell": "\b\f"}}
    add_member_table(TerraformStack(app, "web"), "table", name="vm_members", rows=rows)
    assert json.loads(written(app, "web"))["locals"] == {"vm_members": rows}


def test_where_only_the_stack_itself_is_asked_there_is_an_expression() -> None:
    stack = TerraformStack(cdktf.Testing.app(), "web")
    add_member_table(stack, "table", name="vm_members", rows={**ROWS, "web-2": {"ip": '"'}})
    assert json.loads(cdktf.Testing.synth(stack))["locals"] == {
        "vm_members": '${{"web-0": {"ip": "10.0.0.10"}, "web-1": {"ip": "10.0.0.11"}, "web-2": {"ip": "\\""}}}'
    }


def test_what_cdktf_finds_wrong_is_an_error_as_ever(app: App) -> None:
    stack = TerraformStack(app, "web")
    add_member_table(stack, "table", name="vm_members", rows=ROWS)
    Annotations.of(stack).add_error("this is wrong")
    with pytest.raises(RuntimeError, match="this is wrong"):
        app.synth()
    assert not Path(app.outdir, "stacks", "web", "cdk.tf.json").exists()
