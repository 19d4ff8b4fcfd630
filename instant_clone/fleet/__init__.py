# SPDX-License-Identifier: MPL-2.0
"""The model of fleets.toml: what is wanted, checked before anything is looked up.

`load` reads a file, `load_from` the file and the overrides that the environment names. Both raise
FleetFileError with every finding of the file at once. `provider_from` reads [provider] alone. Times are minutes, as in
the provider.
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
from instant_clone.fleet.patterns import fill
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
    "fill",
    "load",
    "load_from",
    "provider_from",
    "with_environment",
]
