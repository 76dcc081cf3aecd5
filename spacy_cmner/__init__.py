"""Chinese medical named entity recognition for spaCy.

Reading the package in the order data, resources, layers, models, pipeline, analysis, cli is
reading the program. Importing this module is light: spaCy finds every part by its entry point.
"""

from spacy_cmner.about import __version__

__all__ = ["__version__"]
