"""Mode connectivity along Bezier curves."""
