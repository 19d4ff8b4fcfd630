"""Tests of what talks to vCenter."""
