"""From a file to a FleetFile, with every finding of the file at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import ValidationError

from instant_clone.errors import Finding, FleetFileError
from instant_clone.fleet.messages import finding, unknown_key
from instant_clone.fleet.model import Fleet, FleetFile, Frozen, ProviderSettings, Source

__all__ = ["FLEETS_VARIABLE", "VERSION_VARIABLE", "load", "load_from", "with_environment"]

FLEETS_VARIABLE = "INSTANT_CLONE_FLEETS"
"""names the fleet file; without it, it is fleets.toml"""
VERSION_VARIABLE = "INSTANT_CLONE_PROVIDER_VERSION"
"""stands above the file's [provider] version"""


def load(path: Path) -> FleetFile:
    """The fleet file at `path`; raises FleetFileError with all findings."""
    document = _document(path)
    findings = list(_unknown_tables(document))
    provider = _parsed(ProviderSettings, document.get("provider", {}), "provider", findings)
    fleets: dict[str, Fleet] = {}
    for name, fleet in _named_fleets(document, findings):
        if parsed := _parsed(Fleet, fleet, f"fleets.{name}", findings, name=name):
            fleets[name] = parsed
    findings += _findings_across(fleets.values())
    if findings or provider is None:
        raise FleetFileError(*(Finding(f"{path}, {found.where}", found.what, found.cure) for found in findings))
    return FleetFile(provider=provider, fleets=fleets)


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


def _findings_across(fleets: Iterable[Fleet]) -> Iterator[Finding]:
    """Two clones of one name in one folder, and one record for two VMs."""
    names: dict[tuple[str, str, str], str] = {}
    records: dict[PurePosixPath, tuple[str, str]] = {}
    for fleet in fleets:
        own = {
            (fleet.datacenter, fleet.folder, fleet.clone_name(index))
            for source in fleet.sources
            for index in source.indexes
        }
        if clash := min(own & names.keys(), default=None):
            what = f"{clash[2]!r} is also a clone of the fleet {names[clash]}, in the same folder."
            yield Finding(f"[fleets.{fleet.name}] names", what, "Choose another pattern or another folder.")
        names.update(dict.fromkeys(own, fleet.name))
        for source in fleet.sources:
            path, vm = fleet.record_path(source), (fleet.datacenter, source.vm)
            if records.setdefault(path, vm) != vm:
                what = f"{path} would hold the record of another VM as well."
                yield Finding(f"[[fleets.{fleet.name}.sources]] record", what, "Name a file of its own.")


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


_Model = TypeVar("_Model", bound=Frozen)


def _parsed(model: type[_Model], value: Any, table: str, findings: list[Finding], **fixed: str) -> _Model | None:
    """`value` as a `model`, or None with its faults added to `findings`; `fixed` fields are not keys of the file."""
    if not isinstance(value, dict):
        findings.append(Finding(table, "is not a table.", f"Begin it with [{table}]."))
        return None
    keys = [key for key in model.model_fields if key not in fixed]
    findings += (Finding(f"[{table}] {key}", *unknown_key(key, keys)) for key in value if key in fixed)
    try:
        parsed = model.model_validate({**value, **fixed})
    except ValidationError as error:
        for details in error.errors():
            inside_source = details["loc"][:1] == ("sources",)
            findings += details.get("ctx", {}).get("findings") or (
                finding(details, table=table, keys=Source.model_fields if inside_source else keys),
            )
        return None
    return parsed
