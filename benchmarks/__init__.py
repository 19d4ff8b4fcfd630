# SPDX-License-Identifier: MPL-2.0
"""The benchmarks of `make bench`: synth, look-up, plan and apply, compared with solutions without this project."""
