"""`spacy-cmner.SoftLexiconEmbed.v1`: characters with the sets of words matched around them."""

from collections.abc import Sequence

import torch
from spacy.tokens import Doc

from spacy_cmner.layers.soft_lexicon import SoftLexicon
from spacy_cmner.models.lexicon_layer import lexicon_layer
from spacy_cmner.models.words import WordMatcher, places
from spacy_cmner.types import EmbedModel


def build_soft_lexicon_embed(characters: EmbedModel) -> EmbedModel:
    """Concatenate to each character the lexicon words of the sentence that hold it.

    The words form four sets by the place of the character in them, each summed with the words'
    counts as weights; the equations are in ``layers.soft_lexicon``. Any encoder can follow, and the
    word vectors are trained with the rest.

    Other than in the paper, the counts are those of the lexicon. There the words matched in all
    texts are counted, those of the test set too, but for words inside of longer ones. A character's
    bigram is not part of it: put ``spacy-cmner.BigramEmbed.v1`` among the characters.

    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves.
    Source: Ma et al. (2020), Simplify the Usage of Lexicon in Chinese NER.
    """
    return lexicon_layer("soft_lexicon_embed", characters, SoftLexicon, read_counted_sets)


def read_counted_sets(
    matcher: WordMatcher, docs: Sequence[Doc], device: torch.device
) -> tuple[torch.Tensor, ...]:
    """The words, slots and counts that ``SoftLexicon`` takes, for a batch packed end to end."""
    found = places(matcher(docs))
    slots = 4 * found.characters + found.places
    counts = matcher.counts[found.words].astype("float32")
    return tuple(torch.from_numpy(each).to(device) for each in (found.words, slots, counts))
