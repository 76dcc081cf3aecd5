"""Character representations that hold the words matched in the sentence.

Reference: Ma et al. (2020), Simplify the Usage of Lexicon in Chinese NER. The matched words that
hold a character c form four sets by the place it has in them: B, M, E (begin, middle, end) and S
(alone). With z(w) the count of a word and e(w) its vector,

    v(S) = 4 / Z · Σ_{w ∈ S} z(w) e(w),    Z = Σ_{w ∈ B ∪ M ∪ E ∪ S} z(w)
    x̂ = [x; v(B); v(M); v(E); v(S)]

where an empty set gets the word NONE, which counts once.
"""

import torch
from torch import Tensor, nn


class SoftLexicon(nn.Module):
    """Concatenates to each character the vectors of its four word sets.

    width_in (int): width of the character representations.
    n_words (int): words of the lexicon; the row after theirs is NONE.
    word_width (int): width of a word vector.
    """

    def __init__(self, width_in: int, n_words: int, word_width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(n_words + 1, word_width)
        self.width = width_in + 4 * word_width

    def forward(self, rows: Tensor, words: Tensor, slots: Tensor, counts: Tensor) -> Tensor:
        """Represent each character with its words.

        rows (N, width_in): character representations.
        words (P,): numbers of matched words, one for each character of each occurrence.
        slots (P,): 4 · position of the character + its place in the word.
        counts (P,): z of the word.
        RETURNS (Tensor): (N, width_in + 4 · word_width).
        """
        n_slots = 4 * len(rows)
        totals = rows.new_zeros(n_slots).index_add(0, slots, counts)
        sums = rows.new_zeros((n_slots, self.words.embedding_dim))
        sums = sums.index_add(0, slots, self.words(words) * counts.unsqueeze(1))
        empty = totals == 0
        sums = torch.where(empty.unsqueeze(1), self.words.weight[-1], sums)
        z = (totals + empty).reshape(-1, 4).sum(dim=1)  # (N,)
        sets = 4 * sums.reshape(len(rows), self.width - rows.shape[1]) / z.unsqueeze(1)
        return torch.cat([rows, sets], dim=1)
