# SPDX-License-Identifier: MPL-2.0
"""Creation of instant clones: clone specification, dry run, task, lost tasks, guest network."""
