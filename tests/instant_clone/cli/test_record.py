# SPDX-License-Identifier: MPL-2.0
"""The command `instant-clone record`, tested against the simulator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from instant_clone.cli.record import record
from instant_clone.errors import ConnectError, FleetFileError, NotFoundError
from instant_clone.vm import record as records
from testkit.simulator import Simulator
from tests.conftest import StartSimulator

FLEETS = """\
[fleets.web]
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
[[fleets.web.sources]]
vm = "golden-web"
count = 2

[fleets.batch]
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
[[fleets.batch.sources]]
key = "linux"
vm = "golden-off"
members = "0-9"
"""


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    return start_simulator()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "fleets.toml").write_text(FLEETS)
    monkeypatch.chdir(tmp_path)
    for name in ("SERVER", "USER", "PASSWORD", "ALLOW_UNVERIFIED_SSL"):
        monkeypatch.delenv(f"VSPHERE_{name}", raising=False)
    monkeypatch.delenv("INSTANT_CLONE_FLEETS", raising=False)
    return tmp_path


def run(*arguments: str, environ: dict[str, str] | None = None) -> Result:
    app = typer.Typer()
    app.command()(record)
    return CliRunner().invoke(app, list(arguments), env=environ or {})


OFF = (
    "/DC0/vm/golden-off: the source is not powered on. Its record is valid, but only a running VM can be "
    "cloned. Power it on before you create clones of it.\n"
)


@pytest.mark.simulator
def test_records_the_sources_of_all_fleets(vcenter: Simulator, project: Path) -> None:
    result = run(environ=vcenter.environment({}))
    assert (result.exit_code, result.stdout) == (0, "sources/web.json new\nsources/batch-linux.json new\n")
    assert records.load(project / "sources/web.json").inventory_path == "/DC0/vm/golden-web"
    assert records.load(project / "sources/batch-linux.json").inventory_path == "/DC0/vm/golden-off"
    assert vcenter.sessions() == 0


@pytest.mark.simulator
def test_warns_about_a_source_that_is_not_powered_on(vcenter: Simulator, project: Path) -> None:
    assert run(environ=vcenter.environment({})).stderr == OFF
    assert run("--check", environ=vcenter.environment({})).stderr == OFF
    assert run("web", environ=vcenter.environment({})).stderr == ""


@pytest.mark.simulator
def test_does_not_rewrite_an_unchanged_record(vcenter: Simulator, project: Path) -> None:
    run(environ=vcenter.environment({}))
    web, batch = project / "sources/web.json", project / "sources/batch-linux.json"
    before = web.stat()
    batch.write_text(batch.read_text().replace("golden-off", "golden-old"))
    result = run(environ=vcenter.environment({}))
    assert result.stdout == "sources/web.json unchanged\nsources/batch-linux.json changed\n"
    after = web.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert records.load(batch).name == "golden-off"


@pytest.mark.simulator
def test_records_only_the_named_fleets(vcenter: Simulator, project: Path) -> None:
    assert run("batch", environ=vcenter.environment({})).stdout == "sources/batch-linux.json new\n"
    assert [each.name for each in (project / "sources").iterdir()] == ["batch-linux.json"]


def test_reports_all_unknown_fleets_at_once(project: Path) -> None:
    error = run("webb", "web", "something-else").exception
    assert isinstance(error, FleetFileError)
    assert str(error) == (
        "fleets.toml: fleet 'webb' not found. Did you mean 'web'?\n"
        "fleets.toml: fleet 'something-else' not found. Existing fleets: batch, web."
    )
    assert not (project / "sources").exists()


def test_requires_vcenter_even_if_records_exist(project: Path) -> None:
    error = run().exception
    assert isinstance(error, ConnectError)
    assert str(error).splitlines()[0] == "VSPHERE_SERVER is not set. Set it to vCenter's host, or host:port."


@pytest.mark.simulator
def test_writes_nothing_if_a_source_is_missing(vcenter: Simulator, project: Path) -> None:
    (project / "fleets.toml").write_text(FLEETS.replace('"golden-off"', '"golden-of"'))
    error = run(environ=vcenter.environment({})).exception
    assert isinstance(error, NotFoundError)
    assert str(error) == (
        f"fleet batch, source linux, golden-of: /DC0 of vCenter {vcenter.address} has no VM with this name."
        " Did you mean 'golden-off' or 'golden-web'?"
    )
    assert not (project / "sources").exists()


@pytest.mark.simulator
def test_check_option_accepts_current_records(vcenter: Simulator, project: Path) -> None:
    run(environ=vcenter.environment({}))
    result = run("--check", environ=vcenter.environment({}))
    assert (result.exit_code, result.stdout) == (0, "sources/web.json unchanged\nsources/batch-linux.json unchanged\n")


@pytest.mark.simulator
def test_check_option_prints_differences_and_writes_nothing(vcenter: Simulator, project: Path) -> None:
    run("web", environ=vcenter.environment({}))
    web = project / "sources/web.json"
    drifted = web.read_text().replace('"size_mb": 4096', '"size_mb": 2048')
    web.write_text(drifted)
    result = run("--check", environ=vcenter.environment({}))
    assert (result.exit_code, result.stdout) == (
        1,
        "sources/web.json changed, record → vCenter:\n"
        "  memory.size_mb: 2048 → 4096\n"
        "sources/batch-linux.json missing\n",
    )
    assert {each.name: each.read_text() for each in (project / "sources").iterdir()} == {"web.json": drifted}
    result = run("web", "--check", environ=vcenter.environment({}) | {"INSTANT_CLONE_LOOKUP": "record"})
    assert result.exit_code == 1


@pytest.mark.simulator
def test_check_option_ignores_the_annotation_if_configured(vcenter: Simulator, project: Path) -> None:
    run(environ=vcenter.environment({}))
    for name in ("web", "batch-linux"):
        path = project / f"sources/{name}.json"
        records.save(records.load(path).model_copy(update={"annotation": "before the backup"}), path)
    with_keys = FLEETS.replace("count = 2", 'count = 2\nignore_drift = ["annotation"]')
    with_keys = with_keys.replace("[fleets.batch]", '[fleets.batch]\nannotation = "CI"')
    (project / "fleets.toml").write_text(with_keys)
    result = run("--check", environ=vcenter.environment({}))
    assert (result.exit_code, result.stdout) == (0, "sources/web.json unchanged\nsources/batch-linux.json unchanged\n")


@pytest.mark.simulator
def test_check_option_compares_the_annotation_if_one_source_of_the_record_needs_it(
    vcenter: Simulator, project: Path
) -> None:
    shared = FLEETS.replace("golden-off", "golden-web").replace('key = "linux"', 'record = "sources/web.json"')
    shared = shared.replace("count = 2", 'count = 2\nignore_drift = ["annotation"]')
    (project / "fleets.toml").write_text(shared)
    run(environ=vcenter.environment({}))
    path = project / "sources/web.json"
    records.save(records.load(path).model_copy(update={"annotation": "before the backup"}), path)
    result = run("--check", environ=vcenter.environment({}))
    assert (result.exit_code, result.stdout) == (
        1,
        'sources/web.json changed, record → vCenter:\n  annotation: "before the backup" → "made by vcsim"\n',
    )
    assert run("web", "--check", environ=vcenter.environment({})).stdout == "sources/web.json unchanged\n"


@pytest.mark.simulator
def test_check_option_reports_an_unreadable_record(vcenter: Simulator, project: Path) -> None:
    run("web", environ=vcenter.environment({}))
    (project / "sources/web.json").write_text('{"schema": 7}')
    result = run("web", "--check", environ=vcenter.environment({}))
    assert result.exit_code == 1
    assert result.output.startswith("sources/web.json: the record has schema 7; this release")


@pytest.mark.simulator
def test_replaces_an_unreadable_record(vcenter: Simulator, project: Path) -> None:
    run("web", environ=vcenter.environment({}))
    web = project / "sources/web.json"
    whole = web.read_bytes()
    web.write_bytes(whole[:100])
    assert run("web", environ=vcenter.environment({})).output == "sources/web.json changed\n"
    assert web.read_bytes() == whole


def test_importing_the_command_does_not_import_pyvmomi() -> None:
    program = (
        "import sys, instant_clone.cli.record; print(*{'pyVmomi', 'pydantic', 'rich.console'} & sys.modules.keys())"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pyVmomi" not in answer.stdout
