"""The claims that are judged, in the order in which they are listed."""

from __future__ import annotations

from landscape_catalog.phases.claims import generalisation, load, similarity, training
from landscape_catalog.phases.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = (
    generalisation.BEST_IN_IV_B,
    generalisation.CONNECTED_FLAT_BETTER,
    generalisation.HESSIAN_INSUFFICIENT,
    generalisation.L2_LESS_INFORMATIVE,
    similarity.CKA_ORDERS_PHASES,
    similarity.TEMPERATURE_IMPROVES_CKA,
    similarity.SIMILAR_NOT_DISCONNECTED,
    load.WIDTH_CONNECTS,
    load.WIDTH_IMPROVES_CKA,
    load.DATA_IMPROVES_CKA,
    load.DATA_DISCONNECTS,
    load.DATA_SHARPENS,
    load.LABEL_NOISE_DISCONNECTS,
    load.PIXEL_NOISE_LOWERS_CKA,
    training.DOUBLE_DESCENT,
    training.DATA_DOUBLE_DESCENT,
    training.ZERO_LOSS_HURTS,
    training.DECAY_AT_BOUNDARY,
    training.DECAY_HELPS,
)
