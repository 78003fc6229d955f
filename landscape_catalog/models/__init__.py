"""The built-in networks. `registry` describes them without importing torch."""
