"""The simulated vCenter, and the tests of what it does."""
