"""Stage 3: every metric of every run and pair."""
