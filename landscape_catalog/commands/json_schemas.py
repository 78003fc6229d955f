"""JSON Schemas of `params.yaml` and of all stored records, for editors and other languages."""

from __future__ import annotations

import json

from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.store.measurements import RECORDS

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schemas() -> dict[str, str]:
    """The text of every JSON Schema, by file name."""
    schemas = {"experiment": Experiment.model_json_schema()}
    schemas |= {name: adapter.json_schema() for name, adapter in RECORDS.items()}
    return {
        f"{name}.schema.json": json.dumps({"$schema": JSON_SCHEMA_DIALECT, **schema}, indent=2)
        + "\n"
        for name, schema in schemas.items()
    }
