"""The Hessian of a batch's loss: top eigenvalue, trace, spectral density and layer blocks."""
