# SPDX-License-Identifier: MPL-2.0
"""Find and remove the addresses of package indexes in the lock files. Users configure their own index or mirror."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["NPM_LOCKS", "addresses_in_npm_lock", "addresses_in_pipenv_lock", "without_sources"]

PIPENV_LOCK = Path("Pipfile.lock")
NPM_LOCKS = (Path("package-lock.json"), Path("tools/cdktn/package-lock.json"))


def without_sources(pipenv_lock: str) -> str:
    """Return the text of a Pipfile.lock with an empty list of indexes. pipenv then uses its default index."""
    lock = json.loads(pipenv_lock)
    lock["_meta"]["sources"] = []
    return json.dumps(lock, indent=4, sort_keys=True) + "\n"


def addresses_in_pipenv_lock(pipenv_lock: str) -> list[str]:
    """Return all addresses in the text of a Pipfile.lock."""
    return _addresses(json.loads(pipenv_lock), ())


def addresses_in_npm_lock(npm_lock: str) -> list[str]:
    """Return all addresses in the text of a package-lock.json, except the donation pages in `funding`."""
    return _addresses(json.loads(npm_lock), ("funding",))


def _addresses(value: Any, ignored_keys: tuple[str, ...]) -> list[str]:
    if isinstance(value, dict):
        return [
            address
            for key, item in value.items()
            if key not in ignored_keys
            for address in _addresses(item, ignored_keys)
        ]
    if isinstance(value, list):
        return [address for item in value for address in _addresses(item, ignored_keys)]
    return [value] if isinstance(value, str) and "://" in value else []


def main(arguments: list[str]) -> int:
    """Print the addresses in the lock files, and return 1 if there are any, else 0.

    The argument --strip-sources removes the sources from Pipfile.lock first.
    """
    if "--strip-sources" in arguments:
        PIPENV_LOCK.write_text(without_sources(PIPENV_LOCK.read_text()))
    found = {
        PIPENV_LOCK: addresses_in_pipenv_lock(PIPENV_LOCK.read_text()),
        **{lock: addresses_in_npm_lock(lock.read_text()) for lock in NPM_LOCKS},
    }
    for path, addresses in found.items():
        for address in addresses:
            print(f"{path}: {address} is not allowed in a lock file. Run `make lock`.", file=sys.stderr)
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
