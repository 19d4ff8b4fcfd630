# SPDX-License-Identifier: MPL-2.0
"""What Terraform starts: `python -m instant_clone.plugin HOME`, by way of the launcher.

`python -m instant_clone.plugin --reattach [HOME]` is for developers: it serves Terraform commands under a debugger.
"""

import sys

from instant_clone.extras import missing_package

try:
    if sys.argv[1:2] == ["--reattach"]:
        from instant_clone.plugin.process.reattach import main
    else:
        from instant_clone.plugin.process.server import main
    main()
except ModuleNotFoundError as error:
    missing = missing_package(error)
    if missing is None:
        raise
    sys.exit(f"instant-clone: {missing}")
