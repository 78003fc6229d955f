"""Top eigenvalue and trace of each layer's Hessian."""
