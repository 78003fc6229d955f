"""For each claim a simulated world in which it is true, and one in which it is false."""

from __future__ import annotations

from tests.phases.claims.worlds import (
    BATCH,
    BATCHES,
    LABEL_NOISE,
    LARGE,
    NOISES,
    PIXELS,
    SAMPLES,
    WIDTH,
    WIDTHS,
    World,
)

NOISY = {"load.label_noise": 0.1}
CONNECTING = {"mc_of_width": 16.0, "mc_offset": 1.0}  # narrow cells are poorly connected
NOISY_LEVELS = {WIDTH: WIDTHS, LABEL_NOISE: (0.05, 0.1, 0.15, 0.2), BATCH: BATCHES}
MANY_WIDTHS = {WIDTH: tuple(range(1, 17)), SAMPLES: (1000, 2000, 3000, 4000), BATCH: (16, 32, 64)}
FINE = {"noise": 0.5}

TRUE: dict[str, World] = {
    "best-in-iv-b": World(
        axes=LARGE,
        accuracy_of_iv_b=8.0,
        cka_of_width=0.3,
        accuracy_of_width=4.0,
        **CONNECTING,
        **FINE,
    ),
    "connected-flat-better": World(accuracy_of_poor=-8.0, **CONNECTING, **FINE),
    "hessian-insufficient": World(
        axes=LARGE, accuracy_by_all=10.0, cka_of_width=0.2, noise=0.3, **CONNECTING
    ),
    "l2-less-informative": World(axes=LARGE, accuracy_by_all=10.0, cka_of_width=0.3, **FINE),
    "cka-orders-phases": World(
        axes=LARGE, cka_of_sharp=-0.35, cka_of_poor=-0.2, **CONNECTING, **FINE
    ),
    "temperature-improves-cka": World(axes=LARGE, cka_of_heat=0.4, mc_offset=2.0),
    "similar-not-disconnected": World(
        axes=LARGE, cka_of_poor=-0.6, cka_of_width=0.2, **CONNECTING, **FINE
    ),
    "width-improves-connectivity": World(**CONNECTING),
    "width-improves-cka": World(cka_of_width=0.3),
    "data-improves-cka": World(axes=LARGE, cka_of_data=0.2),
    "data-worsens-connectivity": World(axes=LARGE, mc_of_data=-8.0),
    "data-sharpens": World(axes=LARGE, hessian_of_data=1.5),
    "label-noise-worsens-global": World(
        axes=NOISES, mc_of_label_noise=-12.0, cka_of_label_noise=-0.3, **FINE
    ),
    "pixel-noise-lowers-cka": World(axes=PIXELS, cka_of_pixel_noise=-0.3, mc_offset=3.0, **FINE),
    "double-descent-noisy": World(
        axes=NOISY_LEVELS,
        hessian_of_width=-4.0,
        accuracy_at_transition=-16.0,
        dependence=0.2,
        **FINE,
    ),
    "double-descent-data": World(
        axes={**LARGE, SAMPLES: tuple(range(4000, 60001, 4000))},
        hardness_of_data=4.0,
        accuracy_at_transition=-16.0,
        dependence=0.2,
        **FINE,
    ),
    "zero-loss-hurts": World(
        axes=LARGE, accuracy_of_sharp_if_poor=10.0, mc_of_width=16.0, mc_offset=-1.0
    ),
    "decay-helps-at-boundary": World(
        axes=MANY_WIDTHS,
        variants=("base", "decay"),
        decay_gain_at_boundary=8.0,
        mc_of_width=20.0,
        noise=0.2,
        dependence=0.2,
    ),
    "decay-helps": World(axes=LARGE, variants=("base", "decay"), decay_gain=4.0),
}

FALSE: dict[str, World] = {
    "best-in-iv-b": World(
        axes=LARGE, accuracy_of_iv_b=-8.0, cka_of_width=0.3, **CONNECTING, **FINE
    ),
    "connected-flat-better": World(accuracy_of_poor=8.0, **CONNECTING, **FINE),
    "hessian-insufficient": World(axes=LARGE, accuracy_by_hessian=5.0, **FINE),
    "l2-less-informative": World(axes=LARGE, accuracy_by_l2=5.0, **FINE),
    "cka-orders-phases": World(
        axes=LARGE, cka_of_sharp=0.1, cka_of_poor=0.25, **CONNECTING, **FINE
    ),
    "temperature-improves-cka": World(axes=LARGE, cka_of_heat=-0.4, mc_offset=2.0),
    "similar-not-disconnected": World(axes=LARGE, cka_of_poor=0.3, **CONNECTING, **FINE),
    "width-improves-connectivity": World(mc_of_width=-16.0),
    "width-improves-cka": World(cka_of_width=-0.3),
    "data-improves-cka": World(axes=LARGE, cka_of_data=-0.2),
    "data-worsens-connectivity": World(axes=LARGE, mc_of_data=8.0),
    "data-sharpens": World(axes=LARGE, hessian_of_data=-1.5),
    "label-noise-worsens-global": World(
        axes=NOISES,
        mc_of_label_noise=-12.0,
        cka_of_label_noise=-0.3,
        hessian_of_label_noise=4.0,
        **FINE,
    ),
    "pixel-noise-lowers-cka": World(
        axes=PIXELS, cka_of_pixel_noise=-0.3, mc_of_pixel_noise=-12.0, **FINE
    ),
    "double-descent-noisy": World(
        axes=NOISY_LEVELS,
        hessian_of_width=-4.0,
        accuracy_at_transition=16.0,
        dependence=0.2,
        **FINE,
    ),
    "double-descent-data": World(
        axes={**LARGE, SAMPLES: tuple(range(4000, 60001, 4000))},
        hardness_of_data=4.0,
        accuracy_at_transition=16.0,
        dependence=0.2,
        **FINE,
    ),
    "zero-loss-hurts": World(axes=LARGE, accuracy_of_sharp=-10.0, mc_of_width=16.0, mc_offset=-1.0),
    "decay-helps-at-boundary": World(
        axes=MANY_WIDTHS,
        variants=("base", "decay"),
        decay_gain=4.0,
        decay_gain_at_boundary=-8.0,
        mc_of_width=20.0,
        noise=0.2,
        dependence=0.2,
    ),
    "decay-helps": World(axes=LARGE, variants=("base", "decay"), decay_gain=-4.0),
}

# Worlds in which every metric is noise around a constant, except that hot cells are sharp.
NULL: dict[str, World] = {
    "8 x 15, two variants": World(variants=("base", "decay"), fixed=NOISY),
    "widths x label noise x batches": World(axes=NOISES),
    "widths x pixel noise x batches": World(axes=PIXELS),
    "4 x 4": World(axes={"load.width": (1, 2, 4, 8), "temperature.batch_size": (8, 32, 64, 128)}),
    "13 x 10 x 13": World(axes=LARGE),
}
