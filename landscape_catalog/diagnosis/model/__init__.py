"""Which change would help most: learned from the cells of a phase diagram, stored as JSON."""

from landscape_catalog.diagnosis.model.answer import Action, Advice, Answer, Neighbour, Question
from landscape_catalog.diagnosis.model.document import DiagnosisModel
from landscape_catalog.diagnosis.model.files import read_model, write_model
from landscape_catalog.diagnosis.model.measures import QuestionScore, Score, Value
from landscape_catalog.diagnosis.model.predictor import Predictions, Predictor
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
    "Predictor",
    "Question",
    "QuestionScore",
    "Reference",
    "ReferenceAxis",
    "ReferenceCells",
    "Score",
    "Value",
    "read_model",
    "write_model",
]
