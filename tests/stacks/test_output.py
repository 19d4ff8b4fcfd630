# SPDX-License-Identifier: MPL-2.0
"""Tests of the replacement of cdktf's output folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.errors import InstantCloneError
from stacks.output import replaced_output


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_replaces_files_and_keeps_other_files(tmp_path: Path) -> None:
    kept = tmp_path / "cdktf.out" / "stacks" / "web" / ".terraform" / "plugin"
    kept.parent.mkdir(parents=True)
    kept.write_text("plugin")
    (tmp_path / "cdktf.out" / "manifest.json").write_text("old")
    with replaced_output({}, folder=tmp_path) as new:
        (new / "stacks" / "web").mkdir(parents=True)
        (new / "stacks" / "web" / "cdk.tf.json").write_text("new")
        (new / "manifest.json").write_text("new")
        assert (tmp_path / "cdktf.out" / "manifest.json").read_text() == "old"
    assert content(tmp_path) == {
        "cdktf.out/manifest.json": "new",
        "cdktf.out/stacks/web/.terraform/plugin": "plugin",
        "cdktf.out/stacks/web/cdk.tf.json": "new",
    }


HCL = 'terraform {\nrequired_providers {\n  vsphere = {\nversion = "2.16.1"\n}\n}\n}\n'
"""the start of a file that cdktf 0.21 writes with --hcl"""


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        (HCL, False),
        (HCL.replace("\nrequired", "\n  required"), True),
        ('resource "vsphere_folder" "f" {\n}\n', True),
        ("", True),
    ],
    ids=["of cdktf", "formatted by hand", "of a user", "empty"],
)
def test_json_replaces_only_the_hcl_of_cdktf(tmp_path: Path, text: str, stays: bool) -> None:
    stack = tmp_path / "cdktf.out" / "stacks" / "web"
    stack.mkdir(parents=True)
    (stack / "cdk.tf").write_text(text)
    with replaced_output({}, folder=tmp_path) as new:
        (new / "stacks" / "web").mkdir(parents=True)
        (new / "stacks" / "web" / "cdk.tf.json").write_text("new")
        assert (stack / "cdk.tf").exists()
    assert sorted(path.name for path in stack.iterdir()) == (["cdk.tf"] if stays else []) + ["cdk.tf.json"]


def test_a_failed_synthesis_keeps_the_hcl(tmp_path: Path) -> None:
    stack = tmp_path / "cdktf.out" / "stacks" / "web"
    stack.mkdir(parents=True)
    (stack / "cdk.tf").write_text(HCL)
    with pytest.raises(ZeroDivisionError), replaced_output({}, folder=tmp_path):
        raise ZeroDivisionError
    assert [path.name for path in stack.iterdir()] == ["cdk.tf"]


def test_error_keeps_the_old_files_and_removes_the_new_folder(tmp_path: Path) -> None:
    (tmp_path / "cdktf.out").mkdir()
    (tmp_path / "cdktf.out" / "manifest.json").write_text("old")

    def fail(new: Path) -> None:
        (new / "manifest.json").write_text("new")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), replaced_output({}, folder=tmp_path) as new:
        fail(new)
    assert content(tmp_path) == {"cdktf.out/manifest.json": "old"}


def test_cdktf_outdir_selects_the_folder(tmp_path: Path) -> None:
    with replaced_output({"CDKTF_OUTDIR": "build/out"}, folder=tmp_path) as new:
        (new / "manifest.json").write_text("new")
    assert content(tmp_path) == {"build/out/manifest.json": "new"}


def test_new_folder_has_the_same_parent_as_the_real_output_folder(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "cdktf.out").symlink_to(tmp_path / "real" / "deep")
    with replaced_output({}, folder=tmp_path) as new:
        assert new.parent == (tmp_path / "real").resolve()


def test_unwritable_folder_raises_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InstantCloneError, match=r"file/out: cannot be written: .* Check the free disk space"),
        replaced_output({"CDKTF_OUTDIR": "file/out"}, folder=tmp_path),
    ):
        pass
