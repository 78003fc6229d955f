"""Presets: the experiments behind the figures of Yang et al. 2021."""

from landscape_catalog.presets.ablations import ABLATIONS
from landscape_catalog.presets.appendix import APPENDIX
from landscape_catalog.presets.main_text import MAIN_TEXT
from landscape_catalog.presets.preset import SCALES, Preset, Scale

PRESETS: dict[str, Preset] = {preset.name: preset for preset in (*MAIN_TEXT, *ABLATIONS, *APPENDIX)}

__all__ = ["PRESETS", "SCALES", "Preset", "Scale"]
