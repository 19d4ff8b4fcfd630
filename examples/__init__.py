"""Ways to use the project."""
