# SPDX-License-Identifier: MPL-2.0
"""`instant-clone provider info` with four CLI configurations of real Terraform."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instant_clone.cli import app
from testkit.clone_stack import PROVIDER_SOURCE
from tests.e2e.conftest import Plugin

_COMPLETE = """\
provider_installation {
  filesystem_mirror {
    path    = "PLUGINS"
    include = ["instantclone.internal/*/*"]
  }
  direct {
    exclude = ["instantclone.internal/*/*"]
  }
}
"""
_WITHOUT_EXCLUDE = _COMPLETE.replace('exclude = ["instantclone.internal/*/*"]', "")
_OTHER_MIRROR = """\
provider_installation {
  filesystem_mirror {
    path    = "PLUGINS"
    include = ["registry.terraform.io/*/*"]
  }
  filesystem_mirror {
    path    = "OTHER"
    include = ["instantclone.internal/*/*"]
  }
}
"""
_JSON_WITHOUT_LIST = json.dumps({"provider_installation": {"filesystem_mirror": {"path": "PLUGINS"}}})


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        (_COMPLETE, None),
        (_WITHOUT_EXCLUDE, "could not connect to instantclone.internal."),
        (_OTHER_MIRROR, "not found in any of the search locations - OTHER."),
        (_JSON_WITHOUT_LIST, "must all be blocks."),
    ],
    ids=["complete", "direct without exclude", "include in another mirror", "JSON without a list"],
)
def test_info_reports_whether_terraform_finds_the_plugin(
    plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configuration: str, reason: str | None
) -> None:
    other, file = tmp_path / "other", tmp_path / "cli.tfrc"
    other.mkdir()
    file.write_text(configuration.replace("PLUGINS", str(plugin.plugin_folder)).replace("OTHER", str(other)))
    for name, value in plugin.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(file))
    monkeypatch.chdir(tmp_path)

    shown = CliRunner().invoke(app, ["provider", "info", "--plugin-dir", str(plugin.plugin_folder)])

    state, *lines = shown.output.splitlines()
    if reason is None:
        assert (shown.exit_code, state) == (0, f"{PROVIDER_SOURCE} {plugin.release}: ok")
        assert lines[3].endswith("terraform finds the plugin")
    else:
        assert (shown.exit_code, state) == (1, f"{PROVIDER_SOURCE} {plugin.release}: not found by Terraform")
        assert lines[3].startswith("  terraform init, without network: ")
        assert reason.replace("OTHER", str(other)) in lines[3]
        assert f'The provider_installation block of {file} needs a filesystem_mirror with path = "' in lines[3]
