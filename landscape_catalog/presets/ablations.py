"""Figures 9 to 13: other ways to measure, single curves, and what decay gains."""

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
    """The networks of the standard setting, measured in other ways."""
    standard = STANDARD.scales
    return {
        "paper": (*standard["paper"], paper),
        "small": (*standard["small"], small),
        "smoke": (*standard["smoke"], smoke),
    }


def curves(divisor: int, **more: Any) -> Overlay:
    """The four ways of Figure 11, the medium rate first, with epochs divided at smaller scales."""
    ways = [
        ("medium rate", 0.01, 50, 3),
        ("small rate", 0.003, 150, 3),
        ("large rate", 0.03, 40, 3),
    ]
    ways.append(("four control points", 0.01, 50, 4))
    probes = [
        {"name": name, "lr": lr, "epochs": epochs // divisor, "control_points": points, **more}
        for name, lr, epochs, points in ways
    ]
    return {"measure.connectivity": probes}


def mixtures(**more: Any) -> Overlay:
    """Mixup with the five coefficients of Figure 9, the standard one first."""
    alphas = (16.0, 0.5, 1.0, 4.0, 32.0)
    probes = [{"name": f"alpha {alpha:g}", "alpha": alpha, **more} for alpha in alphas]
    return {"measure.similarity": probes}


def noises(samples: int) -> Overlay:
    """Pixel noise of the five sizes of Figure 10."""
    probes = [
        {"name": f"noise {u:g}", "perturbation": "pixel_noise", "noise": u, "samples": samples}
        for u in (40.0, 5.0, 10.0, 20.0, 80.0)
    ]
    return {"measure.similarity": probes}


ABLATIONS: tuple[Preset, ...] = (
    Preset(
        name="fig09-cka-mixup",
        title="CKA by mixup of several alpha",
        reproduces="Figure 9: the CKA of Figure 2 with mixing coefficients from Beta(a, a) for a = "
        "0.5, 1, 4, 16, 32, on the same networks.",
        expect="The panels look alike: alpha does not matter much.",
        scales=measured(
            mixtures(samples=768, coefficient="batch"), mixtures(), mixtures(samples=200)
        ),
    ),
    Preset(
        name="fig10-cka-pixel-noise",
        title="CKA by pixel noise of several sizes",
        reproduces="Figure 10: the CKA of Figure 2 on images with uniform noise of 5, 10, 20, 40, 80 "
        "in the place of mixup, on the same networks.",
        expect="Little noise tells phases III and IV less apart, since all networks fit the training "
        "images.",
        choices="The noise is uniform in [0, u] on the 0-255 scale; 40 is the primary probe.",
        scales=measured(noises(640), noises(640), noises(200)),
    ),
    Preset(
        name="fig11-connectivity-ablation",
        title="Mode connectivity measured in four ways",
        reproduces="Figure 11: the connectivity of Figure 2 with learning rates 0.003, 0.01 and 0.03 "
        "(150, 50 and 40 epochs), and with four control points, on the same networks.",
        expect="The four panels agree.",
        scales=measured(curves(1, init="random"), curves(2), curves(8, batch_size=64)),
    ),
    Preset(
        name="fig12-curves",
        title="Individual curves",
        reproduces="Figure 12: the curve behind each cell of Figure 2's connectivity.",
        expect="Barriers in the narrow columns, dips (convex curves) in the hot wide corner, flat "
        "curves near zero in the cold wide corner.",
        choices="The widths and batch sizes of the figure are not given: every second of Figure 2.",
        scales=images(
            {"load.width": WIDTHS[1::2], "temperature.batch_size": BATCH_SIZES[::2]},
            {"load.width": [2, 4, 8], "temperature.batch_size": [16, 64, 256]},
        ),
    ),
    Preset(
        name="fig13-decay-gain",
        title="What learning-rate decay gains",
        reproduces="Figure 13: the best accuracy over batch sizes for each width, with a constant "
        "rate and with decay, and the difference.",
        expect="The gain peaks where the landscape turns from poorly to well connected, and shrinks "
        "for the widest networks.",
        choices="One experiment with two variants, Figures 2 and 3. Constant runs measure the "
        "weights of the best training loss here, as decay runs do, since an experiment has one "
        "primary snapshot; runs are those of Figure 2.",
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
