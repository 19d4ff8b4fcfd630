# SPDX-License-Identifier: MPL-2.0
"""Install the plugin as a user does, and start simulators for it.

Every test in this folder runs once with each stock provider in STOCK_VSPHERE_PROVIDER, because its fixtures depend on
the fixture `stock`. The simulators depend on `stock` too, so that each release starts with a new vCenter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path

import pytest

from instant_clone.plugin.install.installation import Installation
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import document, source_of
from testkit.mirrors import STOCK_SOURCE, mirrored
from testkit.simulator import Simulator
from testkit.stock import StockError, StockProvider, stock_providers
from tests.conftest import StartSimulator
from tests.e2e.attached import serving
from tests.e2e.terraform import Terraform

__all__ = ["Attach", "Bench", "NewTerraform", "Plugin"]

SENTINEL = "sentinel-pw-5d0e"
"""The vCenter password of the tests. It must not appear in any output or file."""


@dataclass(frozen=True)
class Plugin:
    """The installed plugin, and the settings with which Terraform finds it."""

    installation: Installation
    plugin_folder: Path
    environment: dict[str, str]
    initialised: Path
    """A folder in which `terraform init` has been executed."""
    stock_source: str
    """The provider address under which Terraform finds the unmodified stock provider."""

    @property
    def release(self) -> ProviderVersion:
        """Return the release of the stock provider."""
        return self.installation.version

    @contextmanager
    def attached(self, simulator: Simulator) -> Iterator[Mapping[str, str]]:
        """Run one plugin process for all Terraform commands against a simulator, until the block ends.

        Yield the environment variables with which Terraform finds the process.
        """
        environment = simulator.environment(self.environment)
        with serving(environment, str(self.installation.home.folder)) as process:
            yield {"TF_REATTACH_PROVIDERS": process.variable}


Attach = Callable[[Simulator], Mapping[str, str]]


def _stock_providers() -> list[StockProvider | StockError]:
    try:
        return list(stock_providers())
    except StockError as missing:
        # The fixture `stock` raises the error. Collection succeeds, because the unit tests need no stock provider.
        return [missing]


def _release_of(stock: StockProvider | StockError) -> str:
    return str(stock.release) if isinstance(stock, StockProvider) else "none"


@pytest.fixture(scope="session", params=_stock_providers(), ids=_release_of)
def stock(request: pytest.FixtureRequest) -> StockProvider:
    """Return a stock provider of STOCK_VSPHERE_PROVIDER."""
    if isinstance(request.param, StockError):
        raise request.param
    assert isinstance(request.param, StockProvider)
    return request.param


@pytest.fixture(scope="session")
def install_plugin(tmp_path_factory: pytest.TempPathFactory) -> Callable[[StockProvider], Plugin]:
    """Return a function that installs the plugin around a stock provider.

    The function caches each installation, because pytest alternates between the releases.
    """
    return lru_cache(partial(_install_plugin, tmp_path_factory))


@pytest.fixture(scope="session")
def plugin(install_plugin: Callable[[StockProvider], Plugin], stock: StockProvider) -> Plugin:
    """Return the plugin that is installed around the fixture `stock`."""
    if sys.platform != "linux":
        pytest.skip("the tests read processes from /proc")
    return install_plugin(stock)


def _install_plugin(folders: pytest.TempPathFactory, provider: StockProvider) -> Plugin:
    root = folders.mktemp("plugin")
    installation, folder, environment = mirrored(root, provider.path)
    terraform = Terraform(root / "initialised", environment)
    terraform.write(document(installation.version, {}))
    terraform.init()
    return Plugin(installation, folder, environment, terraform.folder, STOCK_SOURCE)


@pytest.fixture(scope="module")
def start_simulator(stock: StockProvider, start_simulator: StartSimulator) -> StartSimulator:
    """Return the fixture of tests/conftest.py. This override uses `stock`, so that releases share no simulator."""
    return start_simulator


NewTerraform = Callable[[Simulator], Terraform]


@pytest.fixture(scope="module")
def attach(plugin: Plugin) -> Iterator[Attach]:
    """Yield a function that returns the environment variables of a running plugin process.

    All commands of a module against the same simulator share the process.
    """
    with ExitStack() as processes:
        yield cache(lambda simulator: processes.enter_context(plugin.attached(simulator)))


@pytest.fixture
def new_terraform(
    plugin: Plugin,
    attach: Attach,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[NewTerraform]:
    """Yield a function that creates an initialised folder for a simulator.

    At the end of the test, the fixture waits until all processes of these folders have ended. With the mark
    `attached`, the commands share one plugin process. Use the mark for plans and applies that run one after another.
    Without the mark, Terraform starts the plugin and the stock provider two to four times in each command.
    """
    is_attached = request.node.get_closest_marker("attached") is not None
    with ExitStack() as folders:

        def make(simulator: Simulator) -> Terraform:
            number = len(list(tmp_path.iterdir()))
            terraform = Terraform(
                tmp_path / f"terraform-{number}",
                simulator.environment(plugin.environment),
                initialised=plugin.initialised,
                attached=attach(simulator) if is_attached else None,
            )
            return folders.enter_context(terraform)

        yield make


@dataclass(frozen=True)
class Bench:
    """A simulator with a source, the release of the stock provider, and a Terraform folder."""

    simulator: Simulator
    source: SourceVm
    release: ProviderVersion
    terraform: Terraform

    def methods(self, *names: str) -> list[str]:
        """Return the methods that were called on these VMs, grouped by VM and then in call order."""
        return [call.method for name in names for call in self.simulator.calls(name)]


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    """Return a simulator that the tests of a module share. Each test uses different VM names."""
    return start_simulator("-source", "golden,silver", "-off", "sleeping", "-tools", "0s", password=SENTINEL)


@pytest.fixture(scope="module")
def golden(vcenter: Simulator) -> SourceVm:
    """Return the source "golden" of the shared simulator."""
    return source_of(vcenter, "golden")


@pytest.fixture
def bench(vcenter: Simulator, golden: SourceVm, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    """Return a bench with a new Terraform folder and the shared simulator."""
    return Bench(vcenter, golden, plugin.release, new_terraform(vcenter))


_LONG_MODULES = frozenset(
    f"test_{name}"
    for name in ("import", "layouts", "layouts_generated", "life", "life_page", "stacks", "wheel", "workspaces", "year")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the mark `e2e` to all tests in this folder, because they run real Terraform. Run the long modules first.

    If a worker starts a long module last, the other workers are idle until that module ends.
    """
    here = Path(__file__).parent
    own = [item for item in items if here in item.path.parents]
    for item in own:
        item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: here in item.path.parents and item.path.stem not in _LONG_MODULES)
