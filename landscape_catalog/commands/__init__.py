"""Commands that are not stages: init, upgrade, plan, presets, SQL queries, schemas."""
