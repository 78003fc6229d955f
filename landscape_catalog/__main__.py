"""`python -m landscape_catalog`."""

from landscape_catalog.cli import main

main()
