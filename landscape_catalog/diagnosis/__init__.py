"""A user's own checkpoints: measuring them, their phase, and advice from a reference catalog."""
