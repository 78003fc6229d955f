"""The Hessian of a batch's loss: its top eigenvalue, trace, density and layers."""
