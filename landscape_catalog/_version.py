"""The installed version. Reading it takes longer than the rest of `import landscape_catalog`."""

from importlib.metadata import version

__version__ = version("landscape_catalog")
