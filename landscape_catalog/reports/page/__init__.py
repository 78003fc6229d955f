"""Where it stands: the HTML page with its scripts."""
