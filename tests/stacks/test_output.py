# SPDX-License-Identifier: MPL-2.0
"""The folder of synthesized stacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.errors import InstantCloneError
from stacks.output import renewed


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_new_files_take_the_places_of_old_ones_and_others_stay(tmp_path: Path) -> None:
    kept = tmp_path / "cdktf.out" / "stacks" / "web" / ".terraform" / "plugin"
    kept.parent.mkdir(parents=True)
    kept.write_text("plugin")
    (tmp_path / "cdktf.out" / "manifest.json").write_text("old")
    with renewed({}, folder=tmp_path) as new:
        (new / "stacks" / "web").mkdir(parents=True)
        (new / "stacks" / "web" / "cdk.tf.json").write_text("new")
        (new / "manifest.json").write_text("new")
        assert (tmp_path / "cdktf.out" / "manifest.json").read_text() == "old"
    assert content(tmp_path) == {
        "cdktf.out/manifest.json": "new",
        "cdktf.out/stacks/web/.terraform/plugin": "plugin",
        "cdktf.out/stacks/web/cdk.tf.json": "new",
    }


def test_an_error_leaves_the_old_files_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "cdktf.out").mkdir()
    (tmp_path / "cdktf.out" / "manifest.json").write_text("old")

    def fail(new: Path) -> None:
        (new / "manifest.json").write_text("new")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), renewed({}, folder=tmp_path) as new:
        fail(new)
    assert content(tmp_path) == {"cdktf.out/manifest.json": "old"}


def test_the_cdktf_command_says_where(tmp_path: Path) -> None:
    with renewed({"CDKTF_OUTDIR": "build/out"}, folder=tmp_path) as new:
        (new / "manifest.json").write_text("new")
    assert content(tmp_path) == {"build/out/manifest.json": "new"}


def test_the_new_folder_is_as_deep_as_the_one_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "cdktf.out").symlink_to(tmp_path / "real" / "deep")
    with renewed({}, folder=tmp_path) as new:
        assert new.parent == (tmp_path / "real").resolve()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InstantCloneError, match=r"file/out: cannot be renewed: .* See that there is room"),
        renewed({"CDKTF_OUTDIR": "file/out"}, folder=tmp_path),
    ):
        pass
