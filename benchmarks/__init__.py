# SPDX-License-Identifier: MPL-2.0
"""What `make bench` runs: synth and look-up beside what one would do without this project, in one run."""
