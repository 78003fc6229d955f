"""Scripts for maintainers, run from the project's root."""
