"""Stage 2: every run of the grid."""
