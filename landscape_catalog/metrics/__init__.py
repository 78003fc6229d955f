"""What is measured on trained networks: a folder for each metric, and the numerics beside them."""
