# SPDX-License-Identifier: MPL-2.0
"""Look up the source and save its record. Run this program once, and after each intended change of the source."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from instant_clone.errors import InstantCloneError
from instant_clone.vcenter.lookup.source_lookup import look_up
from instant_clone.vcenter.session.connection import ConnectionSettings, connect
from instant_clone.vm import record

RECORD = Path("golden-ci.json")

if __name__ == "__main__":
    try:
        with connect(ConnectionSettings.from_environment(os.environ)) as session:
            record.save(look_up(session, "golden-ci", datacenter="DC0"), RECORD)
    except InstantCloneError as error:
        sys.exit(str(error))
    print(f"{RECORD}: saved the record of golden-ci. Commit the file.")
