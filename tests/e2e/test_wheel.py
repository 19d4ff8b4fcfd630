# SPDX-License-Identifier: MPL-2.0
"""The wheel as users install it, together with the constructs library. The wheel changes no file of the library."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from testkit.mirrors import STOCK_SOURCE, mirrored
from testkit.stock import StockProvider
from testkit.wheels import LIBRARY, FreshEnvironment, build_wheel, copy_library, hashes, pip
from testkit.workspace import PROJECT
from tests.conftest import StartSimulator
from tests.e2e.terraform import Terraform

APP = PROJECT / "examples" / "own_app"
PLUGIN = ("cryptography", "grpcio", "msgpack", "protobuf")
SYNTH = ("cdktf", "cdktf-cdktf-provider-vsphere", "constructs", "jsii")
USE_BOTH = (
    "from constructs import Construct; import instant_clone.constructs.placement as module; print(module.__file__)"
)
FLEETS = """\
[fleets.ci]
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
[[fleets.ci.sources]]
vm = "golden-ci"
count = 2
"""
_DEADLINE_SECONDS = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(PROJECT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> FreshEnvironment:
    """Return an environment with the wheel and both extras."""
    environment = FreshEnvironment.create(tmp_path_factory.mktemp("installed") / "venv")
    environment.install(wheel, extras="plugin,synth")
    return environment


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> FreshEnvironment:
    """Return an environment with the wheel and without the packages of the extras."""
    environment = FreshEnvironment.create(tmp_path_factory.mktemp("bare") / "venv", without=(*PLUGIN, *SYNTH))
    environment.install(wheel)
    return environment


def run(
    *command: object, folder: Path, environment: Mapping[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, and check its exit code.

    Python cannot import modules of the checkout in this folder.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env={**(inherited if environment is None else environment), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEADLINE_SECONDS,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended


def test_install_and_uninstall_do_not_change_the_constructs_library(wheel: Path, tmp_path: Path) -> None:
    environment = FreshEnvironment.create(tmp_path / "venv")
    library = environment.site_packages / LIBRARY
    untouched = hashes(library)
    assert "__init__.py" in untouched

    environment.install(wheel, extras="plugin,synth")
    assert hashes(library) == untouched
    pip("check", python=environment.python)
    used = run(environment.python, "-c", USE_BOTH, folder=tmp_path)
    assert used.stdout == f"{environment.site_packages}/instant_clone/constructs/placement.py\n"

    pip("install", "--no-index", "--no-deps", "--force-reinstall", wheel, python=environment.python)
    assert hashes(library) == untouched

    pip("uninstall", "--yes", "instant-clone-fleet", python=environment.python)
    assert hashes(library) == untouched
    assert not (environment.site_packages / "instant_clone").exists()
    run(environment.python, "-c", "from constructs import Construct", folder=tmp_path)


def test_install_into_a_target_folder_does_not_change_the_constructs_library(wheel: Path, tmp_path: Path) -> None:
    environment = FreshEnvironment.create(tmp_path / "venv", without=[LIBRARY])
    target = tmp_path / "target"
    copy_library(target)
    untouched = hashes(target / LIBRARY)
    assert "__init__.py" in untouched

    for options in ([], ["--upgrade"]):
        pip("install", "--no-index", "--no-deps", *options, "--target", target, wheel, python=environment.python)
        assert hashes(target / LIBRARY) == untouched
        found = {**os.environ, "PYTHONPATH": str(target)}
        used = run(environment.python, "-c", USE_BOTH, folder=tmp_path, environment=found)
        assert used.stdout == f"{target}/instant_clone/constructs/placement.py\n"
        assert hashes(target / LIBRARY) == untouched


def test_deploys_the_example_app(
    installed: FreshEnvironment,
    stock: StockProvider,
    start_simulator: StartSimulator,
    tmp_path: Path,
) -> None:
    simulator = start_simulator("-source", "golden-ci")
    installation, plugins, terraform_environment = mirrored(tmp_path / "plugin", stock.path)
    environment = simulator.environment(terraform_environment)
    install = ("provider", "install", "--stock-binary", stock.path, "--plugin-dir", plugins)
    run(installed.command, *install, folder=tmp_path, environment=environment)
    assert installation.home.interpreter == installed.python
    app = tmp_path / "app"
    shutil.copytree(APP, app, ignore=shutil.ignore_patterns("__pycache__", "cdktf.out"))
    recorded = (app / "golden-ci.json").read_bytes()

    run(installed.python, "record.py", folder=app, environment=environment)
    assert (app / "golden-ci.json").read_bytes() == recorded
    release = {"INSTANT_CLONE_PROVIDER_VERSION": str(installation.version)}
    run(installed.python, "main.py", folder=app, environment={**environment, **release})

    document = json.loads((app / "cdktf.out" / "stacks" / "ci" / "cdk.tf.json").read_text())
    # The test installs the stock provider from a local folder.
    document["terraform"]["required_providers"]["vsphere"]["source"] = STOCK_SOURCE
    del document["terraform"]["backend"]
    credentials = {"TF_VAR_vsphere_user": simulator.user, "TF_VAR_vsphere_password": simulator.password}
    with Terraform(tmp_path / "terraform", environment | credentials) as terraform:
        terraform.write(document)
        terraform.init()
        terraform.apply()
        assert terraform.instances().keys() == {"runner-0", "runner-1", "browser-0"}
        assert [simulator.calls(name) for name in terraform.instances()] == [[], [], []]
        assert terraform.plan() == {}
        terraform.destroy()


def test_synthesizes_the_example_of_the_documentation(installed: FreshEnvironment, tmp_path: Path) -> None:
    text = (PROJECT / "docs" / "constructs.md").read_text()
    code = text.split("```python\n", 1)[1].split("```", 1)[0]
    imports = [line for line in code.splitlines() if line.startswith(("from ", "import "))]
    body = [f"        {line}" for line in code.splitlines() if line not in imports]
    program = [
        *imports,
        "from cdktf import App, TerraformStack",
        "class Stack(TerraformStack):",
        "    def __init__(self, scope: Construct, id_: str) -> None:",
        "        super().__init__(scope, id_)",
        *body,
        "app = App()",
        'Stack(app, "stack")',
        "app.synth()",
    ]
    (tmp_path / "main.py").write_text("\n".join(program))
    (tmp_path / "sources").mkdir()
    shutil.copyfile(APP / "golden-ci.json", tmp_path / "sources" / "golden.json")

    run(installed.python, "main.py", folder=tmp_path)

    document = json.loads((tmp_path / "cdktf.out" / "stacks" / "stack" / "cdk.tf.json").read_text())
    assert document["resource"]["vsphere_virtual_machine"]["golden"]["instantclone"]
    assert len(document["locals"]["golden_members"]) == 10


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "fleets.toml").write_text(FLEETS)
    return tmp_path


def test_records_sources_without_the_extras(
    bare: FreshEnvironment, start_simulator: StartSimulator, project: Path
) -> None:
    simulator = start_simulator("-source", "golden-ci")

    recorded = run(bare.command, "record", folder=project, environment=simulator.environment(os.environ))

    assert recorded.stdout == "sources/ci.json new\n"
    assert (project / "sources" / "ci.json").read_bytes() == (APP / "golden-ci.json").read_bytes()
    assert run(bare.command, "--version", folder=project).stdout == "instant-clone-fleet 0.1.0\n"


def test_error_names_the_missing_extra(bare: FreshEnvironment, project: Path) -> None:
    refused = run(bare.command, "provider", "install", folder=project, code=1)
    assert (refused.stdout, refused.stderr) == (
        "",
        "instant-clone provider install: the package grpcio is missing. Install instant-clone-fleet[plugin].\n",
    )
    reattached = run(bare.python, "-m", "instant_clone.plugin", "--reattach", folder=project, code=1)
    assert reattached.stderr == "instant-clone: the package grpcio is missing. Install instant-clone-fleet[plugin].\n"
    imported = run(bare.python, "-c", "import instant_clone.constructs.placement", folder=project, code=1)
    assert imported.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: instant_clone.constructs: the package cdktf is missing. "
        "Install instant-clone-fleet[synth]."
    )
