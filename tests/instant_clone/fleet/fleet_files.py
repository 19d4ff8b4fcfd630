# SPDX-License-Identifier: MPL-2.0
"""Short fleet files for tests, and functions that load a file or return its findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.errors import FleetFileError
from instant_clone.fleet import FleetFile, load

PLACE = """
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
"""
WEB = f"""
[fleets.web]
{PLACE}
[[fleets.web.sources]]
vm = "golden-web"
count = 3
"""
TWO_SOURCES = f"""
[fleets.web]
{PLACE}
[[fleets.web.sources]]
key = "a"
vm = "golden-a"
members = "0-1,7"
[[fleets.web.sources]]
key = "b"
vm = "golden-b"
members = "2-3"
"""


def parse(folder: Path, text: str) -> FleetFile:
    path = folder / "fleets.toml"
    path.write_text(text)
    return load(path)


def errors(folder: Path, text: str) -> list[str]:
    """Return the findings without the path of the file at their start."""
    with pytest.raises(FleetFileError) as caught:
        parse(folder, text)
    prefix = f"{folder / 'fleets.toml'}, "
    assert all(str(finding).startswith(prefix) for finding in caught.value.findings)
    return [str(finding).removeprefix(prefix) for finding in caught.value.findings]


def fleet(text: str) -> str:
    """Return a fleet file with `text` as the keys of the fleet."""
    return f'[fleets.web]\n{text}\n[[fleets.web.sources]]\nvm = "golden"\ncount = 2\n'
