# SPDX-License-Identifier: MPL-2.0
"""Fleet files in a few lines, and what is said about them."""

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
    """The findings, without the file's path that each begins with."""
    with pytest.raises(FleetFileError) as caught:
        parse(folder, text)
    prefix = f"{folder / 'fleets.toml'}, "
    assert all(str(finding).startswith(prefix) for finding in caught.value.findings)
    return [str(finding).removeprefix(prefix) for finding in caught.value.findings]


def fleet(text: str) -> str:
    """A fleet file with `text` instead of a fleet's placement and names."""
    return f'[fleets.web]\n{text}\n[[fleets.web.sources]]\nvm = "golden"\ncount = 2\n'
