"""The apps that are synthesized beside a fleet's."""
