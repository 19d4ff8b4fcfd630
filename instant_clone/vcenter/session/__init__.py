# SPDX-License-Identifier: MPL-2.0
"""A session with vCenter: connection, log-in, properties, tasks, faults, retries."""
