# SPDX-License-Identifier: MPL-2.0
"""Reading of the fleet tables in a TOML file, including fleets with misspelled headings."""

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
"""The environment variable with the path of the fleet file. The default is fleets.toml."""
_FLEETS = "fleets"


def read_document(path: Path) -> dict[str, Any]:
    """Return the content of the TOML file at `path`.

    Raises:
        FleetFileError: the file does not exist, cannot be read, is not UTF-8, is not TOML or is nested too deeply.
    """
    try:
        # Editors on Windows write a byte order mark at the start of a UTF-8 file. TOML does not allow it.
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        cure = f"Run the command in the folder of the file, or set {FLEETS_VARIABLE} to another path."
        raise FleetFileError(Finding(str(path), "the file does not exist.", cure)) from None
    except OSError as error:
        raise FleetFileError(Finding(str(path), f"cannot be read: {error.strerror}.")) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise FleetFileError(Finding(str(path), f"line {line} is not UTF-8.", "Save the file as UTF-8.")) from None
    except RecursionError:
        cure = "Use at most three levels of tables."
        raise FleetFileError(Finding(str(path), "is nested too deeply.", cure)) from None
    except ValueError as error:  # TOMLDecodeError, or the ValueError of int() for thousands of digits
        raise FleetFileError(Finding(str(path), f"is not valid TOML: {error}.", "Correct the file.")) from None


def fleet_tables(document: Mapping[str, Any], findings: list[Finding]) -> dict[str, Any]:
    """Return the tables of the fleets by name.

    The result includes fleets with a misspelled heading, so that the heading is the only error. Unknown tables and the
    keys in [fleets] that are not fleets are added to `findings`.
    """
    fleets: dict[str, Any] = {}
    has_misspelled_heading = False
    for key, value in document.items():
        if key in FleetFile.model_fields:
            continue
        found = _misspelled(key, value)
        has_misspelled_heading = has_misspelled_heading or found is not None
        cure, tables = found or ("", {})
        what, default_cure = unknown_key(key, FleetFile.model_fields)
        findings.append(Finding(f"[{key}]", what, cure or default_cure))
        fleets.update(tables)
    content = document.get(_FLEETS)
    if isinstance(content, list) and content:
        cure = "Start each fleet with [fleets.NAME], in single brackets."
        findings.append(Finding(_FLEETS, "is a list of tables instead of a table.", cure))
        return fleets
    declared = content if isinstance(content, dict) else {}
    misplaced = _fleet_keys(declared)
    for name, table in declared.items():
        if name not in misplaced:
            # A fleet can have some tables under the correct heading and others under a misspelled heading.
            other = fleets.get(name)
            fleets[name] = {**other, **table} if isinstance(other, dict) and isinstance(table, dict) else table
    if misplaced:
        cure = "Move the keys to a [fleets.NAME] table." if fleets else "Start the fleet with [fleets.NAME]."
        what = f"{', '.join(misplaced)} {'does' if len(misplaced) == 1 else 'do'} not belong to a fleet."
        findings.append(Finding("[fleets]", what, cure))
    elif not fleets and not has_misspelled_heading:
        findings.append(Finding(_FLEETS, "the file contains no fleet.", "Start a fleet with [fleets.NAME]."))
    return fleets


def _misspelled(key: str, value: Any) -> tuple[str, dict[str, Any]] | None:
    """Return the cure for a misspelled heading and the fleets in its table. Return None for any other table."""
    if not isinstance(value, dict) or not value:
        return None
    similar = near(key, (_FLEETS,)) is not None
    if _fleet_keys(value):
        return f"Start the fleet with [fleets.{'NAME' if similar else key}].", {} if similar else {key: value}
    tables = {name: table for name, table in value.items() if isinstance(table, dict)}
    if similar and tables:
        return f'Did you mean "{_FLEETS}", as in [fleets.{next(iter(tables))}]?', tables
    return None


def _fleet_keys(table: Mapping[str, Any]) -> list[str]:
    """Return the keys of a fleet that are directly in `table`. A table in [fleets] can be a fleet named like a key."""
    return [key for key, value in table.items() if key in Fleet.model_fields and not isinstance(value, dict)]
