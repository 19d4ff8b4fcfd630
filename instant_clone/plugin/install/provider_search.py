# SPDX-License-Identifier: MPL-2.0
"""Check with `terraform init` that Terraform finds the installed plugin.

`terraform init` applies the whole CLI configuration: all mirrors with their `include` and `exclude`, the JSON syntax,
the variables TF_CLI_CONFIG_FILE and TF_CLI_ARGS. A text search in the configuration cannot evaluate these settings.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from instant_clone.plugin.install.cli_configuration import configuration_file, included_addresses
from instant_clone.plugin.install.installation import Installation
from instant_clone.plugin.install.package import platform_name
from instant_clone.terraform import TerraformError, run_terraform, terraform_binary, terraform_name

__all__ = ["search_problem"]

_SECONDS = 20

# The plugin never comes from the network, because its launcher needs the folder next to its own folder. With a `direct`
# or `network_mirror` method for its address, Terraform requests https://HOST/.well-known/terraform.json or the mirror,
# and waits up to 11 seconds for each answer (terraform-svchost v0.1.1, disco/disco.go, discoTimeout). A proxy on port
# 0 refuses each request at once. Go reads the variables in upper and lower case (golang.org/x/net/http/httpproxy).
_UNREACHABLE_PROXY = "http://127.0.0.1:0"
_NO_NETWORK = {
    **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), _UNREACHABLE_PROXY),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
    "CHECKPOINT_DISABLE": "1",
    "TF_REGISTRY_DISCOVERY_RETRY": "0",
}
# Terraform must not get these variables: they select a data folder or a workspace of another configuration, or write
# logs to the output.
_REMOVED_VARIABLES = ("TF_DATA_DIR", "TF_WORKSPACE", "TF_LOG")


def search_problem(installation: Installation, *, source: str, environ: Mapping[str, str]) -> str | None:
    """Return why Terraform does not find the installation, and the action. Return None if Terraform finds it.

    `terraform init` runs in a temporary folder with a configuration that requires only the plugin. It uses the user's
    CLI configuration and environment, but no network.

    Args:
        installation: the installation to find.
        source: the provider's address, such as "instantclone.internal/fleet/vsphere".
        environ: the environment for Terraform.

    Raises:
        TerraformError: Terraform is not in PATH, cannot be started, or does not finish in time.
    """
    terraform = terraform_binary(environ)
    name = Path(terraform_name(environ)).name
    version = str(installation.version)
    try:
        with tempfile.TemporaryDirectory(prefix="instant-clone-") as temporary:
            folder = Path(temporary)
            required = {"vsphere": {"source": source, "version": version}}
            (folder / "main.tf.json").write_text(json.dumps({"terraform": {"required_providers": required}}))
            done = run_terraform(
                # -chdir: a version manager selects Terraform's version for the current folder. -lockfile= overrides
                # TF_CLI_ARGS_init=-lockfile=readonly, because this folder has no lock file.
                *(terraform, f"-chdir={folder}", "init", "-no-color", "-input=false", "-backend=false", "-lockfile="),
                folder=Path(),
                environ=_environment(environ, folder),
                seconds=_SECONDS,
            )
            used = folder / ".terraform" / "providers" / source / version / platform_name()
            copy = used.resolve() if used.exists() else None
    except OSError as failure:
        raise TerraformError(
            f"temporary folder: {failure.strerror}. Set TMPDIR to a folder that you can write."
        ) from None
    if done.returncode:
        output = (done.stderr or done.stdout).decode(errors="replace")
        return f"{name} init, without network: {_reason(output)}. {_cure(installation, source, environ)}"
    if copy is not None and copy != installation.launcher.parent.resolve():
        return f"{name} finds another copy, {copy}. Remove that copy, or name its plugin folder with --plugin-dir."
    return None


def _environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in environ.items() if not key.startswith(_REMOVED_VARIABLES)}
    named = kept.get("TF_CLI_CONFIG_FILE")
    if named and not Path(named).is_absolute():
        # cdktf runs Terraform in the folder of a stack, where a relative path does not lead to the file.
        kept["TF_CLI_CONFIG_FILE"] = str(folder / named)
    return kept | _NO_NETWORK


def _reason(output: str) -> str:
    """Return Terraform's first error in one line, without the text about the proxy of this check."""
    _, _, error = re.sub("[╷│╵]", "", output).partition("Error: ")
    summary, _, detail = (error or output).partition("\n")
    detail = re.split(r"Error: |To see which modules|As a result of the above", detail)[0]
    line = " ".join(detail.split()) or " ".join(summary.split()) or "no reason given"
    line = re.sub(r'(: failed to request discovery document)?: Get "[^"]*": proxyconnect tcp: .*', "", line)
    return line.rstrip(".")


def _cure(installation: Installation, source: str, environ: Mapping[str, str]) -> str:
    named = environ.get("TF_CLI_CONFIG_FILE")
    if named and not Path(named).is_absolute():
        return (
            "Set TF_CLI_CONFIG_FILE to an absolute path: cdktf runs Terraform in the folder of a stack, where "
            f"{named!r} does not exist."
        )
    for variable in ("TF_CLI_ARGS", "TF_CLI_ARGS_init"):
        if "-plugin-dir" in environ.get(variable, ""):
            return f"Remove -plugin-dir from {variable}."
    folder = installation.folder.parents[len(source.split("/"))]
    addresses = included_addresses(source)
    return (
        f"The provider_installation block of {configuration_file(environ)} needs a filesystem_mirror with "
        f'path = "{folder}" and include = ["{addresses}"], and exclude = ["{addresses}"] in all other methods.'
    )
