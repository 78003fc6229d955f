"""Which change would help most: learned from the cells of a phase diagram, stored as JSON."""

from landscape_catalog.diagnosis.model.answer import Action, Advice, Answer, Neighbour, Question
from landscape_catalog.diagnosis.model.document import (
    DiagnosisModel,
    Feature,
    Reference,
    ReferenceAxis,
    ReferenceCells,
    read_model,
    write_model,
)
from landscape_catalog.diagnosis.model.fit import fit_model

__all__ = [
    "Action",
    "Advice",
    "Answer",
    "DiagnosisModel",
    "Feature",
    "Neighbour",
    "Question",
    "Reference",
    "ReferenceAxis",
    "ReferenceCells",
    "fit_model",
    "read_model",
    "write_model",
]
