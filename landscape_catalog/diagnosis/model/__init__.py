"""Which change would help most: learned from the cells of a phase diagram, stored as JSON."""

from landscape_catalog.diagnosis.model.answer import Action, Advice, Answer, Neighbour, Question
from landscape_catalog.diagnosis.model.document import DiagnosisModel, Predictions
from landscape_catalog.diagnosis.model.files import read_model, write_model
from landscape_catalog.diagnosis.model.reference import (
    Feature,
    Reference,
    ReferenceAxis,
    ReferenceCells,
)

__all__ = [
    "Action",
    "Advice",
    "Answer",
    "DiagnosisModel",
    "Feature",
    "Neighbour",
    "Predictions",
    "Question",
    "Reference",
    "ReferenceAxis",
    "ReferenceCells",
    "read_model",
    "write_model",
]
