"""Maps neural-network training onto the phases of its loss landscape."""
