"""Training loss with either kind of batch-norm statistics."""
