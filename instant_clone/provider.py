# SPDX-License-Identifier: MPL-2.0
"""Where the plugin was before 0.2: the launchers of older installations start this module."""

import sys

if __name__ == "__main__":
    # On standard output, where Terraform expects the handshake: it shows the line that it cannot read.
    print("instant-clone: An earlier release installed this plugin: run 'instant-clone provider install' again.")
    sys.exit(1)
