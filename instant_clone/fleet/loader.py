# SPDX-License-Identifier: MPL-2.0
"""Loading of a fleet file into a FleetFile. An error contains all findings of the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from instant_clone.errors import Finding, FleetFileError
from instant_clone.fleet.checks import findings_across, fleet_findings
from instant_clone.fleet.guestinfo_values import GuestinfoTable, read_file
from instant_clone.fleet.model import Fleet, FleetFile, ProviderSettings
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
"""The environment variable that overrides `version` in the [provider] table of the file."""
WORKSPACE_VARIABLE = "TF_WORKSPACE"
"""The environment variable of Terraform that selects the workspace of every command."""


def load(path: Path) -> FleetFile:
    """Return the fleet file at `path`.

    Raises:
        FleetFileError: the file cannot be read, or has findings. The error contains the findings about all single
            values. It contains findings about combinations of values only for fleets whose single values are valid.
    """
    document = read_document(path)
    findings: list[Finding] = []
    provider = parse_table(ProviderSettings, document.get("provider", {}), "provider", findings)
    state, state_findings = read_state(document.get("state", {}))
    findings += state_findings
    tables = fleet_tables(document, findings)
    valid = [
        _with_files(fleet, path.parent, findings)
        for name, table in tables.items()
        if (fleet := parse_fleet(name, table, findings))
    ]
    findings += (found for fleet in valid for found in fleet_findings(fleet))
    findings += (*findings_across(valid), *place_findings(state, list(tables)))
    if findings or provider is None:
        raise FleetFileError(*(_in_file(found, path) for found in findings))
    return FleetFile(provider=provider, state=state, fleets={fleet.name: fleet for fleet in valid})


def with_environment(fleet_file: FleetFile, environ: Mapping[str, str]) -> FleetFile:
    """Return `fleet_file` with the release from VERSION_VARIABLE and the workspace from WORKSPACE_VARIABLE.

    Raises:
        FleetFileError: the value of VERSION_VARIABLE is not a supported release, or fleets would share the state of the
            workspace.
    """
    workspace = environ.get(WORKSPACE_VARIABLE, "")
    state, findings = in_workspace(fleet_file.state, workspace, list(fleet_file.fleets))
    provider = fleet_file.provider
    if version := environ.get(VERSION_VARIABLE):
        try:
            provider = ProviderSettings.model_validate({"version": version, "source": provider.source})
        except ValidationError as error:
            context = error.errors()[0]["ctx"]
            findings.append(Finding(VERSION_VARIABLE, context["what"], context["cure"]))
    if findings:
        raise FleetFileError(*findings)
    return fleet_file.model_copy(update={"provider": provider, "state": state})


def provider_from(environ: Mapping[str, str], *, folder: Path) -> ProviderSettings | None:
    """Return the [provider] table of the fleet file that `load_from` reads. Do not check the fleets.

    Return None if FLEETS_VARIABLE is not set and `folder` has no fleets.toml. VERSION_VARIABLE has no effect.

    Raises:
        FleetFileError: the file cannot be read, or its [provider] table is not valid.
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
    """Return the fleet file with the overrides from the environment variables.

    FLEETS_VARIABLE is the path of the fleet file, relative to `folder`. The default is fleets.toml.

    Raises:
        FleetFileError: `load` or `with_environment` raises the error.
    """
    return with_environment(load(folder / (environ.get(FLEETS_VARIABLE) or DEFAULT_FILE)), environ)


def _with_files(fleet: Fleet, folder: Path, findings: list[Finding]) -> Fleet:
    """Return `fleet` with the content of the files in its guestinfo. Problems are added to `findings`."""
    read: dict[str, GuestinfoTable] = {}
    for key, value in fleet.guestinfo.items():
        if not isinstance(value, str) and value.file is not None:
            content = read_file(value, folder, f"[fleets.{fleet.name}.guestinfo] {key}")
            if isinstance(content, Finding):
                findings.append(content)
                content = GuestinfoTable(text="")
            read[key] = content
    return fleet.model_copy(update={"guestinfo": {**fleet.guestinfo, **read}}) if read else fleet


def _in_file(found: Finding, path: Path) -> Finding:
    return Finding(f"{path}, {found.where}", found.what, found.cure)
