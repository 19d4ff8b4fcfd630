# SPDX-License-Identifier: MPL-2.0
"""Records: JSON files with a source's hardware.

With a record, synthesis needs no vCenter, and a changed source is visible in code review.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from instant_clone.errors import Finding, RecordError
from instant_clone.vm.differences import Difference, shown
from instant_clone.vm.differences import differences as tree_differences
from instant_clone.vm.source_vm import SourceVm

__all__ = [
    "SCHEMA",
    "blocking_differences",
    "differences",
    "dump",
    "is_there",
    "listed",
    "load",
    "save",
    "with_values_of",
]

SCHEMA = 1
"""schema version of the records that this release reads and writes"""

CURE = "Run `instant-clone record` to read the source from vCenter and write the record."

_NEWER_FIELDS = re.compile(r"other_devices|standalone_host|disks\[\d+\]\.first_class")
"""optional fields that schema 1 did not have at first; a record from before has no value"""
_MOST_LISTED = 20
_LONGEST_VALUE = 70


def load(path: Path) -> SourceVm:
    """Return the source from the record at `path`.

    Raises:
        RecordError: The file does not exist, is not JSON, has another schema version or does not describe a source. The
            error has all findings.
    """

    def invalid(what: str) -> RecordError:
        return RecordError(Finding(str(path), what, CURE))

    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise invalid("the record does not exist.") from None
    except OSError as error:
        raise RecordError(Finding(str(path), f"the record cannot be read: {error.strerror}.")) from error
    # ValueError: no JSON, no UTF-8, or a number with too many digits for Python. RecursionError: deep nesting.
    except (ValueError, RecursionError) as error:
        raise invalid(f"the record is not JSON: {error}.") from error
    if not isinstance(document, dict) or "schema" not in document:
        raise invalid("the file is not a record of a source.")
    if document["schema"] != SCHEMA or isinstance(document["schema"], bool):
        found = repr(document["schema"])
        raise invalid(f"the record has schema {found}; this release of instant-clone reads schema {SCHEMA}.")
    if document.keys() != {"schema", "source"}:
        raise invalid('a record has exactly the keys "schema" and "source".')
    return _source(document["source"], path)


def is_there(path: Path) -> bool:
    """Return whether a file exists at `path`. The file need not be a readable record."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        pass  # `load` reports the reason.
    return True


def dump(source: SourceVm) -> str:
    """Return the record of `source` as JSON text. Equal sources have equal texts. Unset properties are omitted."""
    document = {"schema": SCHEMA, "source": _document(source)}
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def save(source: SourceVm, path: Path) -> None:
    """Write the record of `source`, and create its folder if it does not exist.

    The record is replaced atomically: a concurrent reader gets either the old or the new record.

    Raises:
        RecordError: The folder or the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("x", encoding="utf-8", newline="\n") as file:
                file.write(dump(source))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            # Report the first error, not the error of the clean-up on the same path.
            with contextlib.suppress(OSError, ValueError):
                temporary.unlink()
            raise
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = getattr(error, "strerror", None) or error
        what = f"the record cannot be written: {reason}."
        raise RecordError(Finding(str(path), what, "Make its folder writable.")) from error


def differences(recorded: SourceVm, found: SourceVm) -> tuple[Difference, ...]:
    """Return the differences between a record and a look-up. Equal texts of `dump` have no differences."""
    return tuple(tree_differences(_document(recorded), _document(found)))


def blocking_differences(recorded: SourceVm, found: SourceVm) -> tuple[Difference, ...]:
    """Return the differences between a record and a look-up, except newer fields that the record does not have.

    A record that is older than a field has no value for the field. A synthesis still accepts such a record.
    """
    return tuple(
        each
        for each in differences(recorded, found)
        if each.before is not None or not _NEWER_FIELDS.fullmatch(each.path)
    )


def with_values_of(recorded: SourceVm, found: SourceVm, properties: Collection[str]) -> SourceVm:
    """Return the look-up `found` with the values that the top-level `properties` have in the record."""
    return found.model_copy(update={name: getattr(recorded, name) for name in properties})


def listed(found: Sequence[Difference]) -> str:
    """Return the text of differences: an indented line for each of the first 20, and the number of remaining lines."""
    lines = [f"  {each.path}: {_shown(each.before)} → {_shown(each.after)}" for each in found[:_MOST_LISTED]]
    if len(found) > _MOST_LISTED:
        lines.append(f"  and {len(found) - _MOST_LISTED} more")
    return "\n".join(lines)


def _shown(value: object) -> str:
    return "unset" if value is None else shown(value, longest=_LONGEST_VALUE)


def _document(source: SourceVm) -> dict[str, Any]:
    return source.model_dump(mode="json", exclude_none=True)


def _source(document: Any, path: Path) -> SourceVm:
    try:
        # In strict mode, pydantic accepts a list as a tuple only from JSON. It does not accept "2" as a number.
        return SourceVm.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        raise RecordError(
            *(
                Finding(str(path), f"{'.'.join(map(str, ('source', *each['loc'])))}: {each['msg']}.", CURE)
                for each in error.errors(include_url=False)
            )
        ) from None
