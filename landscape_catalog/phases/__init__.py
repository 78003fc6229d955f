"""Phases: which runs have converged, and which phase a cell is in."""

from landscape_catalog.phases.auto import AUTO, FoundThreshold
from landscape_catalog.phases.convergence import not_converged_reason
from landscape_catalog.phases.criterion import Criterion
from landscape_catalog.phases.doubt import differing_statistics, doubtful_flat
from landscape_catalog.phases.predictive import (
    SURE,
    LabelDistribution,
    ObservedCell,
    Values,
    label_distributions,
    percent,
)
from landscape_catalog.phases.registry import RULES, Classify, rule_of
from landscape_catalog.phases.rule import (
    NC,
    UNCLASSIFIED,
    CellNumbers,
    Phase,
    Resolved,
    Rule,
    Verdict,
)
from landscape_catalog.phases.sensitivity import FACTORS, Sensitivity, sensitivities
from landscape_catalog.phases.yang2021 import Yang2021

__all__ = [
    "AUTO",
    "FACTORS",
    "NC",
    "RULES",
    "SURE",
    "UNCLASSIFIED",
    "CellNumbers",
    "Classify",
    "Criterion",
    "FoundThreshold",
    "LabelDistribution",
    "ObservedCell",
    "Phase",
    "Resolved",
    "Rule",
    "Sensitivity",
    "Values",
    "Verdict",
    "Yang2021",
    "differing_statistics",
    "doubtful_flat",
    "label_distributions",
    "not_converged_reason",
    "percent",
    "rule_of",
    "sensitivities",
]
