# SPDX-License-Identifier: MPL-2.0
"""The plugin under a debugger. A user starts it, and it serves real Terraform until it is interrupted."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.clone_stack import clones, source_of
from testkit.processes import until
from tests.conftest import StartSimulator
from tests.e2e.attached import DEADLINE_SECONDS, serving
from tests.e2e.conftest import Plugin
from tests.e2e.terraform import Terraform

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests read processes from /proc")


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Yield a folder for the plugin's temporary files. The paths of pytest's folders are too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="reattach-") as folder:
        yield Path(folder)


def test_one_process_serves_several_commands_until_an_interrupt(
    start_simulator: StartSimulator, plugin: Plugin, tmp_path: Path, scratch: Path
) -> None:
    simulator = start_simulator("-source", "golden", "-tools", "0s")
    source = source_of(simulator, "golden")
    environment = simulator.environment(plugin.environment)
    # With this CLI configuration, Terraform finds no plugin that it could start.
    cli_configuration = tmp_path / "cli_configuration.tfrc"
    cli_configuration.write_text("provider_installation {}\n")

    with serving(environment | {"TMPDIR": str(scratch)}, str(plugin.installation.home.folder)) as plugin_process:
        reattached = {"TF_CLI_CONFIG_FILE": str(cli_configuration), "TF_REATTACH_PROVIDERS": plugin_process.variable}
        with Terraform(tmp_path / "terraform", environment | reattached) as terraform:
            terraform.write(clones(source, plugin.release, ["reattached-0"]))
            terraform.init()
            terraform.apply()
            assert terraform.plan() == {}
            terraform.write(clones(source, plugin.release, ["reattached-0", "reattached-1"]))
            terraform.apply()
            assert terraform.instances().keys() == {"reattached-0", "reattached-1"}
            assert [simulator.calls(name) for name in terraform.instances()] == [[], []]
            terraform.destroy()
        assert plugin_process.stock.runs()
        plugin_process.process.send_signal(signal.SIGINT)
        assert plugin_process.process.wait(DEADLINE_SECONDS) == 0

    assert not plugin_process.stock.runs()
    assert list(scratch.iterdir()) == []


def test_ends_with_an_error_if_the_stock_provider_ends(plugin: Plugin) -> None:
    with serving(plugin.environment, str(plugin.installation.home.folder)) as plugin_process:
        plugin_process.stock.kill()
        assert plugin_process.process.wait(DEADLINE_SECONDS) == 1
        plugin_process.log.seek(0)
        assert plugin_process.log.read().splitlines()[-1] == (
            "instant-clone: The stock vSphere provider ended with exit code -9. Start the plugin again."
        )


def test_uses_the_newest_installation_by_default(plugin: Plugin, tmp_path: Path) -> None:
    home = tmp_path / "home"
    plugins = home / ".terraform.d"
    plugins.mkdir(parents=True)
    (plugins / "plugins").symlink_to(plugin.plugin_folder)

    with serving(plugin.environment | {"HOME": str(home)}) as plugin_process:
        assert '"instantclone.internal/fleet/vsphere"' in plugin_process.variable
        plugin_process.process.send_signal(signal.SIGTERM)
        assert plugin_process.process.wait(DEADLINE_SECONDS) == 0
    until(lambda: not plugin_process.stock.runs(), "the stock provider to be gone")
