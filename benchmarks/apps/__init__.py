# SPDX-License-Identifier: MPL-2.0
"""The cdktf apps that the benchmark of synth compares with a fleet."""
