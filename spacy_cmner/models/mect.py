"""`spacy-cmner.Mect.v1`: the cross-transformer over characters, words and components."""

from thinc.api import concatenate

from spacy_cmner.layers.mect import Mect
from spacy_cmner.models.lexicon_layer import lexicon_layer
from spacy_cmner.models.local_global import build_local_global_embed
from spacy_cmner.models.sizes import check_sizes
from spacy_cmner.models.words import read_words
from spacy_cmner.types import EmbedModel


def build_mect(
    characters: EmbedModel,
    n_heads: int = 8,
    head_width: int = 20,
    factor: int = 3,
    n_components: int = 4,
    component_width: int = 30,
) -> EmbedModel:
    """Let the characters and words of a sentence, and the components of its characters, attend to
    each other.

    What a character is made of comes as in ``spacy-cmner.LocalGlobalEmbed.v1`` from a convolution
    of width 3 over its components, max-pooled. The equations are in ``layers.mect``.

    Other than in the paper, keys are projected as in FLAT, only characters have components, and the
    random attention is a product of two factors, which holds for sentences of any length.

    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves.
    n_heads, head_width (int): of each of the two attentions; a row of the output is
        2 · n_heads · head_width wide.
    factor (int): how many times wider the feed-forward layers are in between.
    n_components (int): components read of a character, radical first.
    component_width (int): width of a component's embedding and of the convolution.
    RAISES: CM333 for sizes that are not possible.
    Source: Wu et al. (2021), MECT: Multi-Metadata Embedding based Cross-Transformer for Chinese
        Named Entity Recognition.
    """
    check_sizes(n_heads=n_heads, head_width=head_width, factor=factor)
    components = build_local_global_embed(
        char2vec=False,
        spatial=False,
        use_global=False,
        fusion="concat",
        n_components=n_components,
        component_width=component_width,
    )
    components.attrs["in_config"] = False  # so that compiling leaves it as it is
    return lexicon_layer(
        "mect",
        concatenate(characters, components),
        Mect,
        read_words,
        encodes=True,
        component_width=component_width,
        n_heads=n_heads,
        head_width=head_width,
        factor=factor,
    )
