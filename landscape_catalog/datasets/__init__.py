"""Datasets: the built-in and custom ones, and how they become training and test data."""

from landscape_catalog.datasets.custom import custom_pool, declared_files, declared_version
from landscape_catalog.datasets.facts import DataFacts, Kind, facts_of
from landscape_catalog.datasets.pool import ImagePool, PointPool, Pool, TextPool
from landscape_catalog.datasets.preparation import Preparation
from landscape_catalog.datasets.prepare import prepare
from landscape_catalog.datasets.prepared import ARRAY_NAMES, PreparedData, frequency_loss
from landscape_catalog.datasets.registry import (
    DATASETS,
    datasets_using,
    files_of_user,
    source_of,
)
from landscape_catalog.datasets.spec import DatasetSettings, DatasetSpec, Source

__all__ = [
    "ARRAY_NAMES",
    "DATASETS",
    "DataFacts",
    "DatasetSettings",
    "DatasetSpec",
    "ImagePool",
    "Kind",
    "PointPool",
    "Pool",
    "Preparation",
    "PreparedData",
    "Source",
    "TextPool",
    "custom_pool",
    "datasets_using",
    "declared_files",
    "declared_version",
    "facts_of",
    "files_of_user",
    "frequency_loss",
    "prepare",
    "source_of",
]
