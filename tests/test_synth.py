# SPDX-License-Identifier: MPL-2.0
"""Tests of main.py, the app that `cdktf synth` starts, with fleets.toml and records as input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from instant_clone.vm import record
from tests.instant_clone.replica.replica_layouts import default

PROJECT = Path(__file__).resolve().parents[1]
FLEETS = ("lab", "web")
SENTINEL = "s3ntinel-password"

EXAMPLES = {
    "dynamic": {"sources/dynamic.json": "golden-dynamic"},
    "static": {"sources/static.json": "golden-static"},
    "frozen": {
        "sources/frozen-frozen.json": "golden-frozen",
        "sources/frozen-running.json": "golden-running",
    },
}
MEMBERS = {
    "dynamic": {"vm_members": range(4)},
    "static": {"vm_members": range(4)},
    "frozen": {"frozen_members": range(20), "running_members": range(20, 24)},
}
UUIDS = ("0eb40835-47d3-46b7-b7f4-7eb496c06c96", "1fc50946-58e4-57c8-88a5-8fc5a7d17da7")


def project(folder: Path) -> Path:
    """Create a project folder with the committed fleet file and records."""
    folder.mkdir(parents=True)
    shutil.copy(PROJECT / "fleets.toml", folder)
    shutil.copytree(PROJECT / "sources", folder / "sources")
    return folder


def run(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `python main.py` in `folder`. The environment contains only PATH and `environ`."""
    # The Node of this Python environment has precedence over other installed versions.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, PROJECT / "main.py"],
        cwd=folder,
        env={"PATH": path, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("synth") / "project")
    environ = {"HOME": str(folder.parent), "VSPHERE_USER": "somebody", "VSPHERE_PASSWORD": SENTINEL}
    process = run(folder, **environ)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    return folder


@pytest.mark.parametrize("name", FLEETS)
def test_synthesizes_the_expected_json_of_the_committed_fleets(name: str, synthesized: Path) -> None:
    """To update the expected JSON, run `python main.py` and copy cdktf.out/stacks/NAME/cdk.tf.json to this folder."""
    made = json.loads((synthesized / "cdktf.out" / "stacks" / name / "cdk.tf.json").read_text())
    assert made == json.loads(Path(__file__).with_name(f"test_synth.{name}.json").read_text())


def test_writes_a_lock_file_per_stack(synthesized: Path) -> None:
    assert sorted(files(synthesized / "cdktf.out")) == [
        "manifest.json",
        *(f"stacks/{name}/{file}" for name in FLEETS for file in (".terraform.lock.hcl", "cdk.tf.json")),
    ]


def test_workspace_states_are_next_to_the_fleet_states(synthesized: Path, tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    assert run(folder, TF_WORKSPACE="blue").returncode == 0
    for name in FLEETS:
        file = Path("cdktf.out", "stacks", name, "cdk.tf.json")
        made, expected = (json.loads((each / file).read_text()) for each in (folder, synthesized))
        expected["terraform"]["backend"]["local"]["workspace_dir"] = f"../../../state/{name}.tfstate.d"
        # cdktf's metadata lists the overrides of a stack.
        assert made | {"//": None} == expected | {"//": None}


def test_default_workspace_produces_the_same_bytes(synthesized: Path, tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    assert run(folder, TF_WORKSPACE="default").returncode == 0
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")


@pytest.mark.parametrize(
    "locale",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["ascii", "locale C"],
)
def test_every_locale_accepts_names_with_other_characters(tmp_path: Path, locale: dict[str, str]) -> None:
    folder = project(tmp_path / "größe→")
    (folder / "sources" / "web.json").rename(folder / "sources" / "wöb→.json")
    fleets = folder / "fleets.toml"
    text = fleets.read_text().replace('vm    = "golden-web"', 'vm    = "golden-web"\nrecord = "sources/wöb→.json"')
    fleets.write_text(text, encoding="utf-8")

    good = run(folder, **locale)
    fleets.write_text(text.replace("sources/wöb→.json", "sources/mïssing→.json"), encoding="utf-8")
    bad = run(folder, **locale)

    assert (good.returncode, good.stderr) == (0, "")
    assert (folder / "cdktf.out" / "stacks" / "web" / "cdk.tf.json").is_file()
    assert bad.returncode == 1
    assert bad.stderr.startswith("sources/m\\xefssing\\u2192.json: the record does not exist.")


@pytest.mark.parametrize("value", ["true", "1"])
def test_refuses_hcl(tmp_path: Path, value: str) -> None:
    folder = project(tmp_path / "project")

    refused = run(folder, SYNTH_HCL_OUTPUT=value)

    assert (refused.returncode, refused.stdout, refused.stderr) == (
        1,
        "",
        "cdktf synth --hcl: cdktf writes HCL that Terraform cannot read. Run `npx cdktf synth` without --hcl and "
        "SYNTH_HCL_OUTPUT: its JSON is valid Terraform.\n",
    )
    assert not (folder / "cdktf.out").exists()


def test_synth_as_json_removes_the_hcl_of_an_earlier_synth(tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    with_hcl = (PROJECT / "main.py").read_text().replace("    refuse_hcl(os.environ)\n", "")
    old = subprocess.run(
        [sys.executable, "-c", with_hcl],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "SYNTH_HCL_OUTPUT": "true", "INSTANT_CLONE_LOOKUP": "record"},
        check=False,
    )
    stack = folder / "cdktf.out" / "stacks" / "web"
    assert (old.returncode, (stack / "cdk.tf").is_file()) == (0, True)

    assert run(folder, SYNTH_HCL_OUTPUT="false").returncode == 0

    assert sorted(path.name for path in stack.glob("cdk*")) == ["cdk.tf.json"]


def test_leaves_no_temporary_files(synthesized: Path) -> None:
    assert sorted(path.name for path in synthesized.iterdir()) == ["cdktf.out", "fleets.toml", "sources"]


def test_cdktf_outdir_selects_the_output_folder(tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    assert run(folder, CDKTF_OUTDIR="elsewhere").returncode == 0
    assert (folder / "elsewhere" / "manifest.json").is_file()
    assert not (folder / "cdktf.out").exists()


def test_output_contains_no_credentials_and_no_local_paths(synthesized: Path) -> None:
    for content in files(synthesized / "cdktf.out").values():
        text = content.decode()
        assert SENTINEL not in text
        assert "somebody" not in text
        assert str(synthesized.parent) not in text
        assert str(PROJECT) not in text


def test_output_does_not_depend_on_folder_and_environment(synthesized: Path, tmp_path: Path) -> None:
    folder = project(tmp_path / "deeper" / "and with a blank" / "project")
    process = run(folder, HOME=str(tmp_path), TZ="Asia/Tokyo", LANG="C", PYTHONHASHSEED="7", USER="other")
    assert (process.returncode, process.stderr) == (0, "")
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")


def test_environment_variable_sets_the_release(tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    assert run(folder, INSTANT_CLONE_PROVIDER_VERSION="2.0.2").returncode == 0
    stack = folder / "cdktf.out" / "stacks" / "web"
    terraform = json.loads((stack / "cdk.tf.json").read_text())["terraform"]
    assert terraform["required_providers"]["vsphere"] == {
        "source": "instantclone.internal/fleet/vsphere",
        "version": "2.0.2",
    }
    assert '  version     = "2.0.2"\n' in (stack / ".terraform.lock.hcl").read_text()


def test_fleet_file_error_has_no_traceback_and_keeps_the_old_files(synthesized: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(synthesized, folder)
    (folder / "fleets.toml").write_text('[provider]\nverson = "2.16.1"\n')
    process = run(folder)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == (
        'fleets.toml, [provider] verson: unknown key. Did you mean "version"?\n'
        "fleets.toml, fleets: the file contains no fleet. Start a fleet with [fleets.NAME].\n"
    )
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")


def test_source_that_cannot_be_reproduced_keeps_the_old_files(synthesized: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(synthesized, folder)
    path = folder / "sources" / "web.json"
    record.save(record.load(path).model_copy(update={"template": True}), path)
    process = run(folder)
    assert process.returncode == 1
    assert process.stderr == (
        "/DC0/vm/golden-web: The source is a template, which never runs. Convert it to a virtual machine.\n"
    )
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")


def test_incompatible_change_keeps_the_old_files(synthesized: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(synthesized, folder)
    text = (folder / "fleets.toml").read_text()
    (folder / "fleets.toml").write_text(f"{text}\n[fleets.lab.changes]\nmemory = 1024\n")
    process = run(folder)
    assert process.returncode == 1
    assert process.stderr.startswith("[fleets.lab.changes] memory: /DC0/vm/golden-lab has 4096 MB;")
    assert files(folder / "cdktf.out") == files(synthesized / "cdktf.out")


@pytest.mark.parametrize("example", ["dynamic", "static", "frozen"])
def test_each_example_becomes_a_stack(example: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    file = shutil.copytree(PROJECT / "examples" / example, folder) / "fleets.toml"
    for number, (key, machine) in enumerate(EXAMPLES[example].items()):
        record.save(default(name=machine, inventory_path=f"/DC0/vm/{machine}", uuid=UUIDS[number]), folder / key)
    assert file.is_file()
    process = run(folder)
    assert (process.returncode, process.stderr) == (0, "")
    stack = json.loads((folder / "cdktf.out" / "stacks" / example / "cdk.tf.json").read_text())
    tables = {name: rows for name, rows in stack["locals"].items() if name.endswith("_members")}
    assert {name: rows.keys() for name, rows in tables.items()} == {
        name: {f"terraform-ic-{index}" for index in indexes} for name, indexes in MEMBERS[example].items()
    }
