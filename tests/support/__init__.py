# SPDX-License-Identifier: MPL-2.0
"""What several tests, and the demo, need to run against: servers as child processes."""
