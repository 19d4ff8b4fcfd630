# SPDX-License-Identifier: MPL-2.0
"""The tables of a fleet file, each where it was meant to stand, whatever was slipped in writing their headings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from instant_clone.errors import Finding, FleetFileError
from instant_clone.fleet.field_types import near
from instant_clone.fleet.model import Fleet, FleetFile
from instant_clone.fleet.parsing import unknown_key

__all__ = ["FLEETS_VARIABLE", "fleet_tables", "read_document"]

FLEETS_VARIABLE = "INSTANT_CLONE_FLEETS"
"""names the fleet file; without it, it is fleets.toml"""
_FLEETS = "fleets"


def read_document(path: Path) -> dict[str, Any]:
    """What stands in the TOML file at `path`; raises FleetFileError if it cannot be read."""
    try:
        # Editors on Windows begin UTF-8 with a mark, which TOML does not know.
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
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


def fleet_tables(document: Mapping[str, Any], findings: list[Finding]) -> dict[str, Any]:
    """The fleets' tables by name, those under a misspelt heading too, so that only the heading is told.

    Adds to `findings` the tables that are not known, and whatever in [fleets] is no fleet.
    """
    fleets: dict[str, Any] = {}
    told = False
    for key, value in document.items():
        if key in FleetFile.model_fields:
            continue
        found = _misspelt(key, value)
        told = told or found is not None
        cure, meant = found or ("", {})
        what, usual = unknown_key(key, FleetFile.model_fields)
        findings.append(Finding(f"[{key}]", what, cure or usual))
        fleets.update(meant)
    written = document.get(_FLEETS)
    if isinstance(written, list) and written:
        findings.append(
            Finding(_FLEETS, "is a list of tables.", "Begin each fleet with [fleets.NAME], in single brackets.")
        )
        return fleets
    own = written if isinstance(written, dict) else {}
    stray = _stray(own)
    for name, table in own.items():
        if name not in stray:
            # Part of a fleet may stand under the right heading, and part under a misspelt one.
            other = fleets.get(name)
            fleets[name] = {**other, **table} if isinstance(other, dict) and isinstance(table, dict) else table
    if stray:
        cure = "Move it into a [fleets.NAME]." if fleets else "Begin it with [fleets.NAME]."
        findings.append(
            Finding("[fleets]", f"{', '.join(stray)} {'is' if len(stray) == 1 else 'are'} of no fleet.", cure)
        )
    elif not fleets and not told:
        findings.append(Finding(_FLEETS, "there is no fleet.", "Begin one with [fleets.NAME]."))
    return fleets


def _misspelt(key: str, value: Any) -> tuple[str, dict[str, Any]] | None:
    """What to write instead of a heading that is meant for fleets, and the fleets below it; None for another."""
    if not isinstance(value, dict) or not value:
        return None
    similar = near(key, (_FLEETS,)) is not None
    if _is_fleet(value):
        return f"A fleet begins with [fleets.{'NAME' if similar else key}].", {} if similar else {key: value}
    tables = {name: table for name, table in value.items() if isinstance(table, dict)}
    if similar and tables:
        return f'Did you mean "{_FLEETS}", as in [fleets.{next(iter(tables))}]?', tables
    return None


def _is_fleet(table: Mapping[str, Any]) -> bool:
    return any(key in Fleet.model_fields and not isinstance(inner, dict) for key, inner in table.items())


def _stray(fleets: Mapping[str, Any]) -> list[str]:
    """The keys of a fleet that stand in [fleets] itself. A table there may be a fleet with the name of a key."""
    return [name for name, value in fleets.items() if name in Fleet.model_fields and not isinstance(value, dict)]
