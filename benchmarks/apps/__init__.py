# SPDX-License-Identifier: MPL-2.0
"""The cdktf apps with which the synth benchmark compares the synth of a fleet."""
