"""Networks of one graph side by side: values, gradients, and their weights as one vector."""
