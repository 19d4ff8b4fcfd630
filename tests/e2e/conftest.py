# SPDX-License-Identifier: MPL-2.0
"""The plugin installed as a user would, and simulators to use it against.

All tests here run once with each stock provider that STOCK_VSPHERE_PROVIDER names: whatever hangs on the fixture
`stock` does, and that is every simulator too, so that each release finds vCenter as the first one did.
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
"""the password: it must not turn up anywhere"""


@dataclass(frozen=True)
class Plugin:
    """The installed plugin, with what Terraform needs to find it."""

    installation: Installation
    plugin_folder: Path
    environment: dict[str, str]
    initialised: Path
    """a folder in which `terraform init` has been run"""
    stock_source: str
    """the address under which Terraform finds the stock provider as it is"""

    @property
    def release(self) -> ProviderVersion:
        """The stock provider's."""
        return self.installation.version

    @contextmanager
    def attached(self, simulator: Simulator) -> Iterator[Mapping[str, str]]:
        """Serve all commands against a simulator by one process, until the block ends. Yields its variables."""
        environment = simulator.environment(self.environment)
        with serving(environment, str(self.installation.home.folder)) as process:
            yield {"TF_REATTACH_PROVIDERS": process.variable}


Attach = Callable[[Simulator], Mapping[str, str]]


def _stock_providers() -> list[StockProvider | StockError]:
    try:
        return list(stock_providers())
    except StockError as missing:
        # For the tests that need one to fail with: the unit tests, which are collected together with them, do not.
        return [missing]


def _release_of(stock: StockProvider | StockError) -> str:
    return str(stock.release) if isinstance(stock, StockProvider) else "none"


@pytest.fixture(scope="session", params=_stock_providers(), ids=_release_of)
def stock(request: pytest.FixtureRequest) -> StockProvider:
    """The stock provider to run with."""
    if isinstance(request.param, StockError):
        raise request.param
    assert isinstance(request.param, StockProvider)
    return request.param


@pytest.fixture(scope="session")
def install_plugin(tmp_path_factory: pytest.TempPathFactory) -> Callable[[StockProvider], Plugin]:
    """Installs the plugin around a stock provider; once, however often the tests change between releases."""
    return lru_cache(partial(_install_plugin, tmp_path_factory))


@pytest.fixture(scope="session")
def plugin(install_plugin: Callable[[StockProvider], Plugin], stock: StockProvider) -> Plugin:
    """The plugin around the stock provider to run with."""
    if sys.platform != "linux":
        pytest.skip("processes are looked for in /proc")
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
    """As everywhere; what is started for one release is not used for the next one."""
    return start_simulator


NewTerraform = Callable[[Simulator], Terraform]


@pytest.fixture(scope="module")
def attach(plugin: Plugin) -> Iterator[Attach]:
    """Returns the variables of a plugin that serves all commands of a module against a simulator."""
    with ExitStack() as processes:
        yield cache(lambda simulator: processes.enter_context(plugin.attached(simulator)))


@pytest.fixture
def new_terraform(
    plugin: Plugin,
    attach: Attach,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[NewTerraform]:
    """Makes initialised folders for a simulator; none of their processes is left at the end of the test.

    With the mark `attached`, the commands share one plugin: for tests of plans and applies that run one after another.
    Terraform otherwise starts plugin and stock provider two to four times in each command.
    """
    share = request.node.get_closest_marker("attached") is not None
    with ExitStack() as folders:

        def make(simulator: Simulator) -> Terraform:
            number = len(list(tmp_path.iterdir()))
            terraform = Terraform(
                tmp_path / f"terraform-{number}",
                simulator.environment(plugin.environment),
                initialised=plugin.initialised,
                attached=attach(simulator) if share else None,
            )
            return folders.enter_context(terraform)

        yield make


@dataclass(frozen=True)
class Bench:
    """A simulator with a source, the release of the stock provider in use, and Terraform in a folder."""

    simulator: Simulator
    source: SourceVm
    release: ProviderVersion
    terraform: Terraform

    def methods(self, *names: str) -> list[str]:
        """The methods that were called on these VMs, in order."""
        return [call.method for name in names for call in self.simulator.calls(name)]


@pytest.fixture(scope="module")
def vcenter(start_simulator: StartSimulator) -> Simulator:
    """A simulator that a module's tests share, each with names of its own."""
    return start_simulator("-source", "golden,silver", "-off", "sleeping", "-tools", "0s", password=SENTINEL)


@pytest.fixture(scope="module")
def golden(vcenter: Simulator) -> SourceVm:
    """The source in it."""
    return source_of(vcenter, "golden")


@pytest.fixture
def bench(vcenter: Simulator, golden: SourceVm, plugin: Plugin, new_terraform: NewTerraform) -> Bench:
    """Terraform in a new folder against the shared simulator."""
    return Bench(vcenter, golden, plugin.release, new_terraform(vcenter))


_LONG_MODULES = frozenset(
    f"test_{name}"
    for name in ("import", "layouts", "layouts_generated", "life", "life_page", "stacks", "wheel", "workspaces", "year")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here: it runs real Terraform. Put long modules first: a process that gets one last runs alone."""
    here = Path(__file__).parent
    own = [item for item in items if here in item.path.parents]
    for item in own:
        item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: here in item.path.parents and item.path.stem not in _LONG_MODULES)
