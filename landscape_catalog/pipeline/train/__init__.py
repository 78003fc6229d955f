"""Stage 2: train every run of the grid."""
