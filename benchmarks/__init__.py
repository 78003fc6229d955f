"""Scripts that time the product against plain ways of doing the same."""
