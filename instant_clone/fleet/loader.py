# SPDX-License-Identifier: MPL-2.0
"""From a file to a FleetFile, with every finding of the file at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from instant_clone.errors import Finding, FleetFileError
from instant_clone.fleet.checks import findings_across, fleet_findings
from instant_clone.fleet.model import FleetFile, ProviderSettings
from instant_clone.fleet.parsing import parse_fleet, parse_table
from instant_clone.fleet.state import in_workspace, place_findings, read_state
from instant_clone.fleet.toml_reader import FLEETS_VARIABLE, fleet_tables, read_document

__all__ = [
    "DEFAULT_FILE",
    "FLEETS_VARIABLE",
    "VERSION_VARIABLE",
    "WORKSPACE_VARIABLE",
    "load",
    "load_from",
    "provider_from",
    "with_environment",
]

DEFAULT_FILE = "fleets.toml"
VERSION_VARIABLE = "INSTANT_CLONE_PROVIDER_VERSION"
"""stands above the file's [provider] version"""
WORKSPACE_VARIABLE = "TF_WORKSPACE"
"""Terraform's own variable, which selects the workspace of every command"""


def load(path: Path) -> FleetFile:
    """The fleet file at `path`.

    Raises FleetFileError with all findings: of each value by itself, and, for fleets whose values are sound, of what
    they say together.
    """
    document = read_document(path)
    findings: list[Finding] = []
    provider = parse_table(ProviderSettings, document.get("provider", {}), "provider", findings)
    state, state_findings = read_state(document.get("state", {}))
    findings += state_findings
    tables = fleet_tables(document, findings)
    sound = [fleet for name, table in tables.items() if (fleet := parse_fleet(name, table, findings))]
    findings += (found for fleet in sound for found in fleet_findings(fleet))
    findings += (*findings_across(sound), *place_findings(state, list(tables)))
    if findings or provider is None:
        raise FleetFileError(*(_in_file(found, path) for found in findings))
    return FleetFile(provider=provider, state=state, fleets={fleet.name: fleet for fleet in sound})


def with_environment(fleet_file: FleetFile, environ: Mapping[str, str]) -> FleetFile:
    """Return `fleet_file` with the provider's release of VERSION_VARIABLE and the workspace of WORKSPACE_VARIABLE.

    Raises FleetFileError for a release that does not exist, and if fleets would share the state of the workspace.
    """
    workspace = environ.get(WORKSPACE_VARIABLE, "")
    state, findings = in_workspace(fleet_file.state, workspace, list(fleet_file.fleets))
    provider = fleet_file.provider
    if version := environ.get(VERSION_VARIABLE):
        try:
            provider = ProviderSettings.model_validate({"version": version, "source": provider.source})
        except ValidationError as error:
            wrong = error.errors()[0]["ctx"]
            findings.append(Finding(VERSION_VARIABLE, wrong["what"], wrong["cure"]))
    if findings:
        raise FleetFileError(*findings)
    return fleet_file.model_copy(update={"provider": provider, "state": state})


def provider_from(environ: Mapping[str, str], *, folder: Path) -> ProviderSettings | None:
    """The [provider] of the fleet file that `load_from` would read, whatever is wrong with its fleets.

    None if there is no such file, and the environment names none. The environment's release is not looked at.
    """
    named = environ.get(FLEETS_VARIABLE)
    path = folder / (named or DEFAULT_FILE)
    if not named and not path.exists():
        return None
    findings: list[Finding] = []
    provider = parse_table(ProviderSettings, read_document(path).get("provider", {}), "provider", findings)
    if provider is None:
        raise FleetFileError(*(_in_file(found, path) for found in findings))
    return provider


def load_from(environ: Mapping[str, str], *, folder: Path) -> FleetFile:
    """The fleet file that the environment names, else fleets.toml in `folder`, with the environment's overrides."""
    return with_environment(load(folder / (environ.get(FLEETS_VARIABLE) or DEFAULT_FILE)), environ)


def _in_file(found: Finding, path: Path) -> Finding:
    return Finding(f"{path}, {found.where}", found.what, found.cure)
