# SPDX-License-Identifier: MPL-2.0
"""`instant-clone provider`: installs the plugin that adds instant clones to the stock vSphere provider."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instant_clone.cli.groups import CommandGroup

if TYPE_CHECKING:
    from instant_clone.plugin.install.installation import Installation
    from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["app"]

app = typer.Typer(
    cls=CommandGroup,
    help="The Terraform plugin that adds instant clones to the stock vSphere provider.",
    no_args_is_help=True,
)

PluginFolder = Annotated[
    Path | None,
    typer.Option("--plugin-dir", help="Terraform's local plugin folder; ~/.terraform.d/plugins unless given."),
]
Release = Annotated[
    str | None, typer.Option("--version", help="Release of the stock provider, such as 2.16.1.", show_default=False)
]
Source = Annotated[
    str | None,
    typer.Option("--source", help="The plugin's address; unless given, that of [provider] in the fleet file, if any."),
]


@app.command()
def install(
    stock_binary: Annotated[
        Path | None,
        typer.Option("--stock-binary", help="The stock provider's binary; unless given, Terraform fetches it."),
    ] = None,
    version: Release = None,
    plugin_dir: PluginFolder = None,
    source: Source = None,
) -> None:
    """Install the plugin, with the stock provider that it wraps.

    Without --stock-binary, `terraform init` fetches the release and verifies it: the one that --version names, else
    INSTANT_CLONE_PROVIDER_VERSION, else the one that fleets.toml names, else the newest one checked.
    """
    import tempfile

    from instant_clone.errors import InstallError
    from instant_clone.extras import require
    from instant_clone.plugin.install.cli_configuration import hides_plugin_folder
    from instant_clone.plugin.install.download import obtain_stock
    from instant_clone.plugin.install.installation import install as install_plugin
    from instant_clone.plugin.install.installation import stock_version

    # Terraform would report a missing package as a plugin that does not start.
    require("plugin")
    folder, source = _plugin_folder(plugin_dir), _address(source)
    if stock_binary is not None and version is not None and version != str(stock_version(stock_binary)):
        raise InstallError(f"--version is {version}, but {stock_binary} is another release. Leave one of them out.")
    with tempfile.TemporaryDirectory(prefix="instant-clone-") as temporary:
        if stock_binary is None:
            wanted = _wanted_version(version)
            typer.echo(f"Terraform fetches the stock vSphere provider {wanted} …")
            stock_binary = obtain_stock(wanted, into=Path(temporary), environ=os.environ)
        installation = install_plugin(stock_binary, plugin_folder=folder, source=source)
    typer.echo(f"Installed {source} {installation.version} in {folder}.")
    wish = _other_release_wanted(installation.version)
    if wish:
        typer.echo(f"\n{wish}")
    advice = hides_plugin_folder(folder, os.environ)
    if advice:
        typer.echo(f"\n{advice}")


@app.command()
def info(plugin_dir: PluginFolder = None, source: Source = None) -> None:
    """Show what is installed, and whether it is sound; exit code 1 if nothing is, or something is wrong."""
    from instant_clone.plugin.install.cli_configuration import hides_plugin_folder

    folder, source = _plugin_folder(plugin_dir), _address(source)
    found = _installations(folder, source)
    sound = bool(found)
    if not found:
        typer.echo(f"{source} is not installed in {folder}. Run 'instant-clone provider install'.")
    for installation in found:
        problems = installation.problems()
        typer.echo(f"{source} {installation.version}: {'not sound' if problems else 'sound'}")
        typer.echo(f"  folder  {installation.folder}")
        if not problems:
            typer.echo(f"  stock   {installation.home.stock_binary.name}")
            typer.echo(f"  python  {installation.home.interpreter}")
        for problem in problems:
            typer.echo(f"  {problem} Run 'instant-clone provider install'.")
        sound = sound and not problems
    advice = hides_plugin_folder(folder, os.environ)
    if advice:
        typer.echo(f"\n{advice}")
    raise typer.Exit(0 if sound else 1)


@app.command()
def uninstall(version: Release = None, plugin_dir: PluginFolder = None, source: Source = None) -> None:
    """Remove the plugin: the release that --version names, else all."""
    from instant_clone.errors import InstallError
    from instant_clone.plugin.install.installation import uninstall as uninstall_plugin

    folder, source = _plugin_folder(plugin_dir), _address(source)
    found = _installations(folder, source)
    chosen = [installation for installation in found if version in (None, str(installation.version))]
    if not chosen:
        raise InstallError(f"{source}{f' {version}' if version else ''} is not installed in {folder}.")
    for installation in chosen:
        uninstall_plugin(installation, plugin_folder=folder)
        typer.echo(f"Removed {source} {installation.version} from {folder}.")


def _plugin_folder(given: Path | None) -> Path:
    from instant_clone.plugin.install.cli_configuration import implied_plugin_folder

    return given.absolute() if given is not None else implied_plugin_folder(os.environ)


def _installations(folder: Path, source: str) -> list[Installation]:
    from instant_clone.plugin.install.installation import installations

    return list(installations(folder, source=source))


def _address(given: str | None) -> str:
    from instant_clone.fleet import ProviderSettings, provider_from

    if given is not None:
        return given
    return (provider_from(os.environ, folder=Path()) or ProviderSettings()).source


def _wanted_version(given: str | None) -> ProviderVersion:
    from instant_clone.errors import InstallError
    from instant_clone.fleet import VERSION_VARIABLE, ProviderSettings, provider_from
    from instant_clone.stock_provider.releases import ProviderVersion

    text = given or os.environ.get(VERSION_VARIABLE)
    if not text:
        return (provider_from(os.environ, folder=Path()) or ProviderSettings()).version
    try:
        return ProviderVersion(text)
    except ValueError as problem:
        raise InstallError(f"{'--version' if given else VERSION_VARIABLE}: {problem}.") from None


def _other_release_wanted(installed: ProviderVersion) -> str:
    """What to do when synth would write arguments for another release, or an empty text."""
    from instant_clone.fleet import DEFAULT_FILE, FLEETS_VARIABLE, VERSION_VARIABLE, provider_from

    if text := os.environ.get(VERSION_VARIABLE):
        if text == str(installed):
            return ""
        return f"{VERSION_VARIABLE} is {text}. Set it to {installed}, or install that one."
    settings = provider_from(os.environ, folder=Path())
    if settings is None or settings.version == installed:
        return ""
    file = os.environ.get(FLEETS_VARIABLE) or DEFAULT_FILE
    return (
        f"The fleets want release {settings.version}. "
        f'Write [provider] version = "{installed}" in {file}, or install that one.'
    )
