"""Stage 3: measure every metric on every run and pair."""
