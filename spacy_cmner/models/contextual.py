"""`spacy-cmner.ContextualEmbed.v1`: any character representation, with the sentence's words."""

import numpy as np
import torch
from spacy.tokens import Doc

from spacy_cmner.layers.contextual import WordContext
from spacy_cmner.models.lexicon_layer import lexicon_layer
from spacy_cmner.models.sizes import check_sizes
from spacy_cmner.models.words import WordMatcher, places
from spacy_cmner.types import EmbedModel


def build_contextual_embed(characters: EmbedModel, set_width: int | None = None) -> EmbedModel:
    """Add to each character the lexicon words that stand in the sentence, under one gate.

    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves, such as
        ``spacy-cmner.LocalGlobalEmbed.v1``.
    set_width (Optional[int]): project the vector of each of the four sets of words to this width,
        which makes what reads it faster.
    RAISES: CM333 for sizes that are not possible.
    Source: the paper's global representation with the word sets of SoftLexicon (Ma et al., 2020).
    """
    check_sizes(or_none=True, set_width=set_width)
    return lexicon_layer(
        "contextual_embed", characters, WordContext, read_word_sets, set_width=set_width
    )


def read_word_sets(
    matcher: WordMatcher, docs: list[Doc], device: torch.device
) -> tuple[torch.Tensor, ...]:
    """The words, slots and weights that ``WordContext`` takes, for a batch packed end to end."""
    found = places(matcher(docs))
    slots = 4 * found.characters + found.places
    weights = matcher.counts[found.words]
    totals = np.bincount(slots, weights=weights)
    shares = (weights / totals[slots]).astype("float32")
    return tuple(torch.from_numpy(each).to(device) for each in (found.words, slots, shares))
