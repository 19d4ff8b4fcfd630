"""Fleets of vSphere instant clones as code."""
