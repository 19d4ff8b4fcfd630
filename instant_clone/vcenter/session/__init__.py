# SPDX-License-Identifier: MPL-2.0
"""A session with vCenter: connection, login, properties, tasks, faults, retries."""
