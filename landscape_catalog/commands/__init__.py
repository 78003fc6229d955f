"""Commands that are not stages: init, upgrade, plan, presets, SQL queries, schemas."""

STAGES = frozenset({"prepare", "train", "measure", "aggregate", "report"})
"""The other commands: those that `dvc repro` calls, and that keep results when interrupted."""
