"""Character representations together with the words of the sentence.

The paper's global representation of a character is the mean over all domain words that hold it,
whatever the sentence. Here the words that stand in the sentence join it: per character the four
sets of matched words in which it begins, is in the middle, ends or is alone (the sets of Ma et
al., 2020, Simplify the Usage of Lexicon in Chinese NER), each as the count-weighted mean of its
word vectors, as in the paper's global representation. One gate, computed from everything, weighs
what is known of the character and of its words.
"""

import torch
from torch import Tensor, nn


class WordContext(nn.Module):
    """Adds to each character the words it takes part in.

    width_in (int): width of the character representations.
    n_words (int): words of the lexicon.
    word_width (int): width of a word vector.
    set_width (Optional[int]): width to which the vector of each set is projected.
    """

    def __init__(
        self, width_in: int, n_words: int, word_width: int, set_width: int | None = None
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(n_words, word_width)
        self.project = nn.Linear(word_width, set_width, bias=False) if set_width else None
        self.width = width_in + 4 * (set_width or word_width)
        self.gate = nn.Linear(self.width, self.width)

    def forward(self, rows: Tensor, words: Tensor, slots: Tensor, weights: Tensor) -> Tensor:
        """Represent each character in its words.

        rows (N, width_in): character representations.
        words (P,): numbers of matched words, one for each character of each occurrence.
        slots (P,): 4 · position of the character + its place in the word.
        weights (P,): share of the word in its set; those of a set sum to 1.
        RETURNS (Tensor): (N, width_in + 4 · set_width).
        """
        sets = rows.new_zeros((4 * len(rows), self.words.embedding_dim))
        sets = sets.index_add(0, slots, self.words(words) * weights.unsqueeze(1))
        if self.project is not None:
            sets = self.project(sets)
        both = torch.cat([rows, sets.reshape(len(rows), self.width - rows.shape[1])], dim=1)
        return torch.sigmoid(self.gate(both)) * both
