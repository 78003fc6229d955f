"""Scripts for maintainers, run from the root of the project."""
