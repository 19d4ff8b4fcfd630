# SPDX-License-Identifier: MPL-2.0
"""From a file to a FleetFile, with every finding of the file at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from instant_clone.errors import Finding, FleetFileError
from instant_clone.fleet.checks import (
    guestinfo_findings,
    list_findings,
    name_findings,
    placement_findings,
    source_findings,
)
from instant_clone.fleet.cross_fleet_checks import findings_across
from instant_clone.fleet.lenient_parsing import Draft, draft_fleet, parsed
from instant_clone.fleet.model import FleetFile
from instant_clone.fleet.network_checks import network_findings
from instant_clone.fleet.state import in_workspace, place_findings, read_state
from instant_clone.fleet.tables import ProviderSettings
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

_CHECKS: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    source_findings,
    placement_findings,
    list_findings,
    name_findings,
    network_findings,
    guestinfo_findings,
)


def load(path: Path) -> FleetFile:
    """The fleet file at `path`; raises FleetFileError with all findings."""
    document = read_document(path)
    findings: list[Finding] = []
    provider = parsed(ProviderSettings, document.get("provider", {}), "provider", findings)
    state, state_findings = read_state(document.get("state", {}))
    findings += state_findings
    fleets = fleet_tables(document, findings)
    drafts: list[Draft] = []
    for name, table in fleets.items():
        draft = draft_fleet(name, table, findings)
        if draft is not None:
            drafts.append(draft)
            findings += (found for check in _CHECKS for found in check(draft))
    findings += (*findings_across(drafts), *place_findings(state, list(fleets)))
    if findings or provider is None:
        raise FleetFileError(*(_in_file(found, path) for found in findings))
    return FleetFile(provider=provider, state=state, fleets={draft.fleet.name: draft.fleet for draft in drafts})


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
    provider = parsed(ProviderSettings, read_document(path).get("provider", {}), "provider", findings)
    if provider is None:
        raise FleetFileError(*(_in_file(found, path) for found in findings))
    return provider


def load_from(environ: Mapping[str, str], *, folder: Path) -> FleetFile:
    """The fleet file that the environment names, else fleets.toml in `folder`, with the environment's overrides."""
    return with_environment(load(folder / (environ.get(FLEETS_VARIABLE) or DEFAULT_FILE)), environ)


def _in_file(found: Finding, path: Path) -> Finding:
    return Finding(f"{path}, {found.where}", found.what, found.cure)
