"""From a file to a FleetFile, with every finding of the file at once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from instant_clone.errors import Finding, FleetFileError
from instant_clone.fleet.across import findings_across
from instant_clone.fleet.checks import (
    guestinfo_findings,
    list_findings,
    name_findings,
    placement_findings,
    source_findings,
)
from instant_clone.fleet.draft import Draft, draft_fleet, parsed
from instant_clone.fleet.messages import unknown_key
from instant_clone.fleet.model import FleetFile
from instant_clone.fleet.network_checks import network_findings
from instant_clone.fleet.state import place_findings, read_state
from instant_clone.fleet.tables import ProviderSettings

__all__ = ["FLEETS_VARIABLE", "VERSION_VARIABLE", "load", "load_from", "with_environment"]

FLEETS_VARIABLE = "INSTANT_CLONE_FLEETS"
"""names the fleet file; without it, it is fleets.toml"""
VERSION_VARIABLE = "INSTANT_CLONE_PROVIDER_VERSION"
"""stands above the file's [provider] version"""

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
    document = _document(path)
    findings = list(_unknown_tables(document))
    provider = parsed(ProviderSettings, document.get("provider", {}), "provider", findings)
    state, state_findings = read_state(document.get("state", {}))
    findings += state_findings
    drafts: list[Draft] = []
    for name, table in _named_fleets(document, findings):
        draft = draft_fleet(name, table, findings)
        if draft is not None:
            drafts.append(draft)
            findings += (found for check in _CHECKS for found in check(draft))
    findings += (*findings_across(drafts), *place_findings(state, _names(document)))
    if findings or provider is None:
        raise FleetFileError(*(Finding(f"{path}, {found.where}", found.what, found.cure) for found in findings))
    return FleetFile(provider=provider, state=state, fleets={draft.fleet.name: draft.fleet for draft in drafts})


def with_environment(fleet_file: FleetFile, environ: Mapping[str, str]) -> FleetFile:
    """`fleet_file` with the provider's release that VERSION_VARIABLE names; raises FleetFileError if it names none."""
    version = environ.get(VERSION_VARIABLE)
    if not version:
        return fleet_file
    try:
        provider = ProviderSettings.model_validate({"version": version, "source": fleet_file.provider.source})
    except ValidationError as error:
        wrong = error.errors()[0]["ctx"]
        raise FleetFileError(Finding(VERSION_VARIABLE, wrong["what"], wrong["cure"])) from None
    return fleet_file.model_copy(update={"provider": provider})


def load_from(environ: Mapping[str, str], *, folder: Path) -> FleetFile:
    """The fleet file that the environment names, else fleets.toml in `folder`, with the environment's overrides."""
    return with_environment(load(folder / (environ.get(FLEETS_VARIABLE) or "fleets.toml")), environ)


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        cure = f"Change to the folder that has it, or name another file in {FLEETS_VARIABLE}."
        raise FleetFileError(Finding(str(path), "there is no such file.", cure)) from None
    except OSError as error:
        raise FleetFileError(Finding(str(path), f"cannot be read: {error.strerror}.")) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise FleetFileError(Finding(str(path), f"line {line} is not UTF-8.", "Save the file as UTF-8.")) from None
    except RecursionError:
        raise FleetFileError(Finding(str(path), "is nested too deeply.", "A fleet file has three levels.")) from None
    except ValueError as error:  # TOMLDecodeError, and Python's own for a number of thousands of digits
        raise FleetFileError(Finding(str(path), f"is not TOML: {error}.", "Correct it there.")) from None


def _unknown_tables(document: Mapping[str, Any]) -> Iterator[Finding]:
    for key in document:
        if key not in FleetFile.model_fields:
            yield Finding(f"[{key}]", *unknown_key(key, FleetFile.model_fields))


def _named_fleets(document: Mapping[str, Any], findings: list[Finding]) -> Iterator[tuple[str, Any]]:
    fleets = document.get("fleets", {})
    if isinstance(fleets, dict) and fleets:
        yield from fleets.items()
    else:
        findings.append(Finding("fleets", "there is no fleet.", "Begin one with [fleets.NAME]."))


def _names(document: Mapping[str, Any]) -> list[str]:
    fleets = document.get("fleets")
    return list(fleets) if isinstance(fleets, dict) else []
