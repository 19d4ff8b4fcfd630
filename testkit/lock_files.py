# SPDX-License-Identifier: MPL-2.0
"""The lock files name what is installed, never where it comes from: that is the user's index or mirror to say."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["NPM_LOCKS", "addresses_in_npm_lock", "addresses_in_pipenv_lock", "without_sources"]

PIPENV_LOCK = Path("Pipfile.lock")
NPM_LOCKS = (Path("package-lock.json"), Path("tools/cdktn/package-lock.json"))


def without_sources(pipenv_lock: str) -> str:
    """The text of a Pipfile.lock with an empty list of indexes, which pipenv takes as its default one."""
    lock = json.loads(pipenv_lock)
    lock["_meta"]["sources"] = []
    return json.dumps(lock, indent=4, sort_keys=True) + "\n"


def addresses_in_pipenv_lock(pipenv_lock: str) -> list[str]:
    """Every address in the text of a Pipfile.lock."""
    return _addresses(json.loads(pipenv_lock), ())


def addresses_in_npm_lock(npm_lock: str) -> list[str]:
    """Every address in the text of a package-lock.json, but those under which authors ask for donations."""
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
    """Strip the sources if asked to, then report every address that is left; exit status 1 if there is one."""
    if "--strip-sources" in arguments:
        PIPENV_LOCK.write_text(without_sources(PIPENV_LOCK.read_text()))
    found = {
        PIPENV_LOCK: addresses_in_pipenv_lock(PIPENV_LOCK.read_text()),
        **{lock: addresses_in_npm_lock(lock.read_text()) for lock in NPM_LOCKS},
    }
    for path, addresses in found.items():
        for address in addresses:
            print(f"{path}: {address} must not stand in a lock file.", file=sys.stderr)
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
