"""Facts of a phase diagram: areas, boundaries, the best cell, double descent, gain of a variant."""

from landscape_catalog.phases.facts.areas import Areas, PhaseArea
from landscape_catalog.phases.facts.best import BestCell, Peer
from landscape_catalog.phases.facts.boundaries import Boundaries, Boundary
from landscape_catalog.phases.facts.descent import Bump, Coincidence, Descent
from landscape_catalog.phases.facts.facts import Facts, facts_of
from landscape_catalog.phases.facts.gain import Gain, GainAtLoad

__all__ = [
    "Areas",
    "BestCell",
    "Boundaries",
    "Boundary",
    "Bump",
    "Coincidence",
    "Descent",
    "Facts",
    "Gain",
    "GainAtLoad",
    "Peer",
    "PhaseArea",
    "facts_of",
]
