"""Figures 9 to 13: ablations of the metrics, individual curves, and the gain from decay."""

from __future__ import annotations

from typing import Any

from landscape_catalog.presets.blocks import (
    BATCH_SIZES,
    WIDTHS,
)
from landscape_catalog.presets.grids import DECAY, DECAY_PAPER, Scales, images
from landscape_catalog.presets.main_text import STANDARD
from landscape_catalog.presets.preset import Overlay, Preset


def measured(paper: Overlay, small: Overlay, smoke: Overlay) -> Scales:
    """The networks of the standard setting, measured with other probes."""
    standard = STANDARD.scales
    return {
        "paper": (*standard["paper"], paper),
        "small": (*standard["small"], small),
        "smoke": (*standard["smoke"], smoke),
    }


def curves(divisor: int = 1, **more: Any) -> Overlay:
    """The four probes of Figure 11, the medium rate first, with a fraction of the epochs."""
    settings = [
        ("medium rate", 0.01, 50, 3),
        ("small rate", 0.003, 150, 3),
        ("large rate", 0.03, 40, 3),
        ("four control points", 0.01, 50, 4),
    ]
    probes = [
        {"name": name, "lr": lr, "epochs": epochs // divisor, "control_points": points, **more}
        for name, lr, epochs, points in settings
    ]
    return {"measure.connectivity": probes}


def mixtures(**more: Any) -> Overlay:
    """Mixup with the five values of alpha in Figure 9, the standard one first."""
    alphas = (16.0, 0.5, 1.0, 4.0, 32.0)
    probes = [{"name": f"alpha {alpha:g}", "alpha": alpha, **more} for alpha in alphas]
    return {"measure.similarity": probes}


def noises(samples: int) -> Overlay:
    """Pixel noise with the five amplitudes of Figure 10."""
    probes = [
        {"name": f"noise {u:g}", "perturbation": "pixel_noise", "noise": u, "samples": samples}
        for u in (40.0, 5.0, 10.0, 20.0, 80.0)
    ]
    return {"measure.similarity": probes}


ABLATIONS: tuple[Preset, ...] = (
    Preset(
        name="fig09-cka-mixup",
        title="CKA with mixup at several values of alpha",
        reproduces="Figure 9: the CKA of Figure 2 on the same networks, with mixing coefficients "
        "from Beta(a, a) for a = 0.5, 1, 4, 16, 32.",
        expect="The panels look similar: alpha does not matter much.",
        scales=measured(
            mixtures(samples=768, coefficient="batch"), mixtures(), mixtures(samples=200)
        ),
    ),
    Preset(
        name="fig10-cka-pixel-noise",
        title="CKA with pixel noise at several amplitudes",
        reproduces="Figure 10: the CKA of Figure 2 on the same networks, with uniform pixel noise of "
        "amplitude 5, 10, 20, 40, 80 instead of mixup.",
        expect="With little noise, phases III and IV are harder to distinguish, because all networks "
        "fit the training images.",
        choices="The noise is uniform in [0, u] on the 0-255 scale; 40 is the primary probe.",
        scales=measured(noises(640), noises(640), noises(200)),
    ),
    Preset(
        name="fig11-connectivity-ablation",
        title="Mode connectivity with four curve fits",
        reproduces="Figure 11: the connectivity of Figure 2 on the same networks, with learning "
        "rates 0.003, 0.01 and 0.03 (150, 50 and 40 epochs) and with four control points.",
        expect="The four panels agree.",
        scales=measured(curves(init="random"), curves(epochs="auto"), curves(8, batch_size=64)),
    ),
    Preset(
        name="fig12-curves",
        title="Individual curves",
        reproduces="Figure 12: the curves from which the connectivity of Figure 2 is computed.",
        expect="Barriers for narrow networks, dips (convex curves) for wide networks at high "
        "temperature, and flat curves near zero for wide networks at low temperature.",
        choices="The paper does not give the widths and batch sizes of the figure: every second "
        "value of Figure 2 is used.",
        scales=images(
            {"load.width": WIDTHS[1::2], "temperature.batch_size": BATCH_SIZES[::2]},
            {"load.width": [2, 4, 8], "temperature.batch_size": [16, 64, 256]},
        ),
    ),
    Preset(
        name="fig13-decay-gain",
        title="Gain from learning-rate decay",
        reproduces="Figure 13: the best accuracy over batch sizes for each width, with a constant "
        "learning rate and with decay, and the difference.",
        expect="The gain peaks where the landscape changes from poorly to well connected, and is "
        "smaller for the widest networks.",
        choices="One experiment with two variants, Figures 2 and 3. Because an experiment has one "
        "primary snapshot, runs with a constant rate are also measured at the best training loss; "
        "the runs themselves are those of Figure 2.",
        scales=images(
            {
                "measure.snapshots": ["best_train_loss"],
                "variants": {"decay": {k: v for k, v in DECAY_PAPER.items() if k[:5] != "measu"}},
            },
            {"variants": {"decay": DECAY}},
            {"variants": {"decay": DECAY}},
        ),
    ),
)
