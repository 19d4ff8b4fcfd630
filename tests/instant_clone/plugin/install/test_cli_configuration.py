# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.plugin.install import cli_configuration
from instant_clone.plugin.install.cli_configuration import configuration_file, implied_plugin_folder

BLOCK = "provider_installation {\n  direct {}\n}\n"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def plugin_folder_advice(folder: Path, environ: dict[str, str]) -> str | None:
    return cli_configuration.plugin_folder_advice(folder, environ, source="instantclone.internal/fleet/vsphere")


def test_advice_names_only_the_plugin_on_another_host(home: dict[str, str], tmp_path: Path) -> None:
    source = "registry.example.com/team/vsphere"

    advice = cli_configuration.plugin_folder_advice(tmp_path / "mirror", home, source=source)

    assert advice is not None
    assert [line.strip() for line in advice.splitlines() if "clude" in line] == [
        'include = ["registry.example.com/team/vsphere"]',
        'exclude = ["registry.example.com/team/vsphere"]',
    ]


def test_names_the_configuration_that_exists_or_terraforms_default(home: dict[str, str], tmp_path: Path) -> None:
    assert configuration_file(home) == tmp_path / ".terraformrc"
    (tmp_path / ".tofurc").write_text("")
    assert configuration_file(home) == tmp_path / ".tofurc"
    assert configuration_file(home | {"TF_CLI_CONFIG_FILE": "/etc/terraformrc"}) == Path("/etc/terraformrc")


def test_reads_a_configuration_that_is_not_in_the_encoding_of_the_locale(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".terraformrc").write_bytes(b"# gr\xfc\xdfe\n" + BLOCK.encode())

    assert plugin_folder_advice(implied_plugin_folder(home), home) is not None


def test_default_folder_is_in_the_home(home: dict[str, str], tmp_path: Path) -> None:
    assert implied_plugin_folder(home) == tmp_path / ".terraform.d" / "plugins"


def test_default_folder_is_visible_without_a_configuration(home: dict[str, str]) -> None:
    assert plugin_folder_advice(implied_plugin_folder(home), home) is None


@pytest.mark.parametrize(
    "text", ["", "disable_checkpoint = true\n", "# provider_installation {}\n", 'credentials "x" {}\n']
)
def test_configuration_without_the_block_hides_nothing(home: dict[str, str], tmp_path: Path, text: str) -> None:
    (tmp_path / ".terraformrc").write_text(text)

    assert plugin_folder_advice(implied_plugin_folder(home), home) is None


@pytest.mark.parametrize("name", [".terraformrc", ".tofurc"])
@pytest.mark.parametrize(
    "text", [BLOCK, "disable_checkpoint = true\n  provider_installation {}\n", '"provider_installation" = {}']
)
def test_reports_a_block_that_hides_the_folder(home: dict[str, str], tmp_path: Path, name: str, text: str) -> None:
    folder = implied_plugin_folder(home)
    (tmp_path / name).write_text(text)

    assert plugin_folder_advice(folder, home) == (
        f"{tmp_path}/{name} has a provider_installation block, so Terraform does not search {folder}. "
        "Add to that block:\n\n"
        "  filesystem_mirror {\n"
        f'    path    = "{folder}"\n'
        '    include = ["instantclone.internal/*/*"]\n'
        "  }\n\n"
        'Add to its direct and network_mirror blocks: exclude = ["instantclone.internal/*/*"]'
    )


def test_accepts_a_block_that_names_the_folder(home: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    (tmp_path / ".terraformrc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{ path = "{folder}" }}\n}}\n'
    )

    assert plugin_folder_advice(folder, home) is None


def test_tf_cli_config_file_overrides_the_home(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".terraformrc").write_text(BLOCK)
    named = tmp_path / "other.tfrc"
    named.write_text("")
    environment = home | {"TF_CLI_CONFIG_FILE": str(named)}

    assert plugin_folder_advice(implied_plugin_folder(home), environment) is None
    named.write_text(BLOCK)
    advice = plugin_folder_advice(implied_plugin_folder(home), environment)
    assert advice is not None
    assert advice.startswith(f"{named} has a provider_installation block")


def test_reports_a_folder_that_terraform_does_not_search(home: dict[str, str], tmp_path: Path) -> None:
    assert plugin_folder_advice(tmp_path / "mirror", home) == (
        f"Terraform does not search {tmp_path}/mirror by default. "
        "Set TF_CLI_CONFIG_FILE to a file with this content:\n\n"
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f'    path    = "{tmp_path}/mirror"\n'
        '    include = ["instantclone.internal/*/*"]\n'
        "  }\n"
        "  direct {\n"
        '    exclude = ["instantclone.internal/*/*"]\n'
        "  }\n"
        "}"
    )


def test_ignores_an_unreadable_configuration(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".terraformrc").write_bytes(b"\xff\xfe provider_installation")
    (tmp_path / ".tofurc").mkdir()

    assert plugin_folder_advice(implied_plugin_folder(home), home) is None


@pytest.mark.parametrize(("visible_in", "hidden_in"), [(".terraformrc", ".tofurc"), (".tofurc", ".terraformrc")])
def test_terraform_and_opentofu_must_both_find_the_folder(
    visible_in: str, hidden_in: str, home: dict[str, str], tmp_path: Path
) -> None:
    """If both files exist, Terraform reads only .terraformrc, and OpenTofu reads only .tofurc."""
    folder = implied_plugin_folder(home)
    (tmp_path / visible_in).write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{folder}" }}\n}}\n')
    (tmp_path / hidden_in).write_text(BLOCK)

    advice = plugin_folder_advice(folder, home)

    assert advice is not None
    assert advice.startswith(f"{tmp_path}/{hidden_in} has a provider_installation block")


@pytest.mark.parametrize("others", [(), (".terraformrc",), (".tofurc",)])
def test_reads_opentofus_xdg_file_if_no_other_file_exists(
    others: tuple[str, ...], home: dict[str, str], tmp_path: Path
) -> None:
    xdg = tmp_path / "xdg"
    (xdg / "opentofu").mkdir(parents=True)
    (xdg / "opentofu" / "tofurc").write_text(BLOCK)
    for name in others:
        (tmp_path / name).write_text("")

    advice = plugin_folder_advice(implied_plugin_folder(home), home | {"XDG_CONFIG_HOME": str(xdg)})

    if others:
        assert advice is None
    else:
        assert advice is not None
        assert advice.startswith(f"{xdg}/opentofu/tofurc has a provider_installation block")
