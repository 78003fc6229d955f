"""Networks traced to a list of operations, which can be folded, or evaluated several at once."""
