"""Datasets: what an experiment can name, and how it becomes training and test data."""

from landscape_catalog.datasets.custom import custom_pool, declared_version
from landscape_catalog.datasets.pool import ImagePool, PointPool, TextPool
from landscape_catalog.datasets.prepare import prepare_images, prepare_points, prepare_text
from landscape_catalog.datasets.prepared import ARRAY_NAMES, PreparedData, frequency_loss
from landscape_catalog.datasets.sources import Source, facts_of, source_of

__all__ = [
    "ARRAY_NAMES",
    "ImagePool",
    "PointPool",
    "PreparedData",
    "Source",
    "TextPool",
    "custom_pool",
    "declared_version",
    "facts_of",
    "frequency_loss",
    "prepare_images",
    "prepare_points",
    "prepare_text",
    "source_of",
]
