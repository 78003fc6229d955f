"""Top eigenvalue and trace of the Hessian."""
