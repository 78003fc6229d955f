"""Loss and error of a run."""
