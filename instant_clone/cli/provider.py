# SPDX-License-Identifier: MPL-2.0
"""`instant-clone provider`: install the plugin that adds instant clones to the stock vSphere provider."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instant_clone.cli.groups import CommandGroup

if TYPE_CHECKING:
    from instant_clone.fleet import ProviderSettings
    from instant_clone.plugin.install.installation import Installation
    from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["app"]

app = typer.Typer(
    cls=CommandGroup,
    help="Manage the Terraform plugin that adds instant clones to the stock vSphere provider.",
    no_args_is_help=True,
)

PluginFolder = Annotated[
    Path | None,
    typer.Option("--plugin-dir", help="Use this plugin folder of Terraform. The default is ~/.terraform.d/plugins."),
]
Release = Annotated[
    str | None,
    typer.Option("--version", help="Select this release of the stock provider, such as 2.16.1.", show_default=False),
]
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        help="Use this provider address for the plugin. The default is the address of [provider] in the fleet file, "
        "or instantclone.internal/fleet/vsphere.",
    ),
]


@app.command()
def install(
    stock_binary: Annotated[
        Path | None,
        typer.Option("--stock-binary", help="Use this stock provider. By default, Terraform downloads it."),
    ] = None,
    version: Release = None,
    plugin_dir: PluginFolder = None,
    source: Source = None,
) -> None:
    """Install the plugin and the stock provider that it wraps.

    Without --stock-binary, `terraform init` downloads and verifies the stock provider. The release comes from the
    first of these sources: --version, INSTANT_CLONE_PROVIDER_VERSION, fleets.toml, the default release, 2.16.1.
    """
    import tempfile

    from instant_clone.errors import InstallError
    from instant_clone.extras import require
    from instant_clone.plugin.install.cli_configuration import plugin_folder_advice
    from instant_clone.plugin.install.download import obtain_stock
    from instant_clone.plugin.install.installation import install as install_plugin
    from instant_clone.plugin.install.installation import stock_version

    # With a missing package, Terraform would only report that the plugin does not start.
    require("plugin")
    folder, source = _plugin_folder(plugin_dir), _address(source)
    if stock_binary is not None and version is not None and version != str(stock_version(stock_binary)):
        raise InstallError(
            f"--version is {version}, but {stock_binary} is another release. Remove one of the two options."
        )
    if plugin_dir is None and (problem := _home_problem(folder)):
        raise InstallError(problem)
    with tempfile.TemporaryDirectory(prefix="instant-clone-") as temporary:
        if stock_binary is None:
            wanted = _wanted_version(version)
            typer.echo(f"Terraform downloads the stock vSphere provider {wanted} …")
            stock_binary = obtain_stock(wanted, into=Path(temporary), environ=os.environ)
        installation = install_plugin(stock_binary, plugin_folder=folder, source=source)
    typer.echo(f"Installed {source} {installation.version} in {folder}.")
    _print_advice(_release_mismatch(installation.version))
    _print_advice(plugin_folder_advice(folder, os.environ, source=source))


@app.command()
def info(plugin_dir: PluginFolder = None, source: Source = None) -> None:
    """Show the installed releases and their problems.

    The plugin is started, and `terraform init` searches for it without network. The exit code is 1 if no release is
    installed, if an installation has a problem, or if Terraform does not find it.
    """
    from instant_clone.plugin.install.cli_configuration import plugin_folder_advice

    folder, source = _plugin_folder(plugin_dir), _address(source)
    found = _installations(folder, source)
    sound = bool(found)
    if not found:
        typer.echo(f"{source} is not installed in {folder}. Run 'instant-clone provider install'.")
    for installation in found:
        sound = _show(installation, source) and sound
    if plugin_dir is None:
        _print_advice(_home_problem(folder))
    _print_advice(plugin_folder_advice(folder, os.environ, source=source))
    raise typer.Exit(0 if sound else 1)


def _print_advice(text: str | None) -> None:
    if text:
        typer.echo(f"\n{text}")


def _show(installation: Installation, source: str) -> bool:
    """Print an installation and its problems, and return whether it has none."""
    problems = [f"{problem} {installation.cure()}" for problem in installation.problems()]
    state, found = "broken" if problems else "ok", ""
    if not problems:
        found, problem = _search(installation, source)
        if problem:
            state, problems = "not found by Terraform", [problem]
    typer.echo(f"{source} {installation.version}: {state}")
    typer.echo(f"  folder  {installation.folder}")
    if state != "broken":
        typer.echo(f"  stock   {installation.home.stock_binary.name}")
        typer.echo(f"  python  {installation.home.interpreter}")
    if found:
        typer.echo(f"  search  {found}")
    for problem in problems:
        typer.echo(f"  {problem}")
    return not problems


def _search(installation: Installation, source: str) -> tuple[str, str]:
    """Return the result and the problem of Terraform's search for the plugin. One of them is an empty string."""
    from instant_clone.plugin.install.provider_search import search_problem
    from instant_clone.terraform import TerraformError, terraform_binary

    try:
        terraform = terraform_binary(os.environ)
    except TerraformError as missing:
        return f"not checked: {missing}", ""
    try:
        problem = search_problem(installation, source=source, environ=os.environ)
    except TerraformError as failure:
        return "", str(failure)
    return ("", problem) if problem else (f"{terraform} finds the plugin", "")


def _home_problem(plugin_folder: Path) -> str:
    """Return a message if the plugin folder in the home directory is not writable, or an empty string."""
    existing = plugin_folder
    while not os.path.lexists(existing):
        existing = existing.parent
    if os.access(existing, os.W_OK | os.X_OK):
        return ""
    return (
        f"{existing}: the folder cannot be written. Set HOME to a folder that you can write, for this command, "
        "Terraform and cdktf."
    )


@app.command()
def uninstall(version: Release = None, plugin_dir: PluginFolder = None, source: Source = None) -> None:
    """Remove the release of the plugin that --version selects, or all releases."""
    from instant_clone.errors import InstallError
    from instant_clone.plugin.install.installation import uninstall as uninstall_plugin

    folder, source = _plugin_folder(plugin_dir), _address(source)
    found = _installations(folder, source)
    chosen = [installation for installation in found if version in (None, str(installation.version))]
    if not chosen:
        raise InstallError(
            f"{source}{f' {version}' if version else ''} is not installed in {folder}. "
            "Run 'instant-clone provider info' to show the installed releases."
        )
    for installation in chosen:
        uninstall_plugin(installation, plugin_folder=folder)
        typer.echo(f"Removed {source} {installation.version} from {folder}.")


def _plugin_folder(given: Path | None) -> Path:
    from instant_clone.plugin.install.cli_configuration import implied_plugin_folder

    return given.absolute() if given is not None else implied_plugin_folder(os.environ)


def _installations(folder: Path, source: str) -> list[Installation]:
    from instant_clone.plugin.install.installation import installations

    return list(installations(folder, source=source))


def _provider_settings() -> ProviderSettings:
    from instant_clone.fleet import ProviderSettings, provider_from

    return provider_from(os.environ, folder=Path()) or ProviderSettings()


def _address(given: str | None) -> str:
    return given if given is not None else _provider_settings().source


def _wanted_version(given: str | None) -> ProviderVersion:
    from instant_clone.errors import InstallError
    from instant_clone.fleet import VERSION_VARIABLE
    from instant_clone.stock_provider.releases import ProviderVersion

    text = given or os.environ.get(VERSION_VARIABLE)
    if not text:
        return _provider_settings().version
    try:
        return ProviderVersion(text)
    except ValueError as problem:
        raise InstallError(f"{'--version' if given else VERSION_VARIABLE}: {problem}.") from None


def _release_mismatch(installed: ProviderVersion) -> str:
    """Return advice if synth would write arguments for another release, or an empty string."""
    from instant_clone.fleet import DEFAULT_FILE, FLEETS_VARIABLE, VERSION_VARIABLE, provider_from

    if text := os.environ.get(VERSION_VARIABLE):
        if text == str(installed):
            return ""
        return f"{VERSION_VARIABLE} is {text}, but {installed} is installed. Set it to {installed}, or install {text}."
    settings = provider_from(os.environ, folder=Path())
    if settings is None or settings.version == installed:
        return ""
    file = os.environ.get(FLEETS_VARIABLE) or DEFAULT_FILE
    return (
        f"{file}: the fleets need release {settings.version}, but {installed} is installed. "
        f'Set [provider] version = "{installed}", or install {settings.version}.'
    )
