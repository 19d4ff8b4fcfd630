# SPDX-License-Identifier: MPL-2.0
"""The model of fleets.toml, and the functions that read and check the file.

- `load` reads a fleet file.
- `load_from` reads the fleet file and applies the overrides from the environment variables.
- `provider_from` reads only [provider].

`load` and `load_from` raise FleetFileError with all findings of the file. They check the file without a connection to
vCenter. Times are in minutes, as in the stock provider.
"""

from instant_clone.fleet.loader import (
    DEFAULT_FILE,
    FLEETS_VARIABLE,
    VERSION_VARIABLE,
    load,
    load_from,
    provider_from,
    with_environment,
)
from instant_clone.fleet.model import (
    AddedDisk,
    AddedNetwork,
    Changes,
    Fleet,
    FleetFile,
    Network,
    ProviderSettings,
    Source,
)
from instant_clone.fleet.state import StateSettings

__all__ = [
    "DEFAULT_FILE",
    "FLEETS_VARIABLE",
    "VERSION_VARIABLE",
    "AddedDisk",
    "AddedNetwork",
    "Changes",
    "Fleet",
    "FleetFile",
    "Network",
    "ProviderSettings",
    "Source",
    "StateSettings",
    "load",
    "load_from",
    "provider_from",
    "with_environment",
]
