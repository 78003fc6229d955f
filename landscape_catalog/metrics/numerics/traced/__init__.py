"""What a network computes, as operations that can be run in faster ways."""
