from pathlib import Path

import pylopdf_fonts_zh_cn
import pytest
from fontTools import subset

FONTS = Path(pylopdf_fonts_zh_cn.__file__).parent


@pytest.fixture(scope="session")
def song() -> Path:
    return FONTS / "NotoSerifSC-Regular.otf"


@pytest.fixture(scope="session")
def hei() -> Path:
    return FONTS / "NotoSansSC-Regular.otf"


@pytest.fixture(scope="session")
def small_fonts(hei, tmp_path_factory):
    """The Hei font cut into WOFF2 slices, as web fonts are; 癌 is in none of them."""
    folder = tmp_path_factory.mktemp("slices")
    for number, characters in enumerate(["国肝脑", "肺药A1", "，。 国"]):
        options = subset.Options(flavor="woff2")
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=characters)
        with subset.load_font(hei, options) as font:
            subsetter.subset(font)
            subset.save_font(font, folder / f"slice-{number}.woff2", options)
    return folder
