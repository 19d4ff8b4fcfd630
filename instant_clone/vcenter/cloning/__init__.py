# SPDX-License-Identifier: MPL-2.0
"""Making instant clones: specification, dry run, task, lost tasks, the network of the guest."""
