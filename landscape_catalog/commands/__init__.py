"""Commands that are not stages: plan, presets, SQL queries, schemas."""
