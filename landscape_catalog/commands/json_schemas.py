"""JSON Schemas of `params.yaml`, of all stored records, and of the result of a diagnosis."""

from __future__ import annotations

import json
from typing import Any

from landscape_catalog.diagnosis.result import Diagnosis
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.runner.registry import EXECUTORS
from landscape_catalog.store.measurements import RECORDS

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schemas() -> dict[str, str]:
    """The text of every JSON Schema, by file name."""
    schemas = {"experiment": _experiment_schema(), "diagnosis": Diagnosis.model_json_schema()}
    schemas |= {name: record.model_json_schema() for name, record in RECORDS.items()}
    return {
        f"{name}.schema.json": json.dumps({"$schema": JSON_SCHEMA_DIALECT, **schema}, indent=2)
        + "\n"
        for name, schema in schemas.items()
    }


def _experiment_schema() -> dict[str, Any]:
    """The schema of `params.yaml`, with the names of the engines, which the model lacks."""
    schema = Experiment.model_json_schema()
    schema["$defs"]["Execution"]["properties"]["engine"]["enum"] = list(EXECUTORS)
    return schema
