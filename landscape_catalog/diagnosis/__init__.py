"""What a user's own checkpoints say: measuring them, their phase, and advice from a catalog."""
