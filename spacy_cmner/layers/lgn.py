"""A graph of characters, words and their sentence, whose nodes tell each other what they know.

Reference: Gui et al. (2019), A Lexicon-Based Graph Neural Network for Chinese NER.

Characters c are nodes, a matched word is an edge e from its first to its last character, and one
global node g is tied to all of them. At first c comes from an LSTM, e from the word's vector, and g
is the mean of both. Each iteration first gathers by multi-head attention Att(asking, asked),

    ĉ_i  = Att(c_i, {c_b ⊕ e_bi : words from b to i})
    ê_bi = Att(e_bi, {c_b, …, c_i})
    ĝ    = Att(g, {c}) ⊕ Att(g, {e})

and then updates all states as gated sums, whose gates are softmaxed over the summands:

    c_i  ← update of c_i,  from c_{i−1} ⊕ ĉ_i ⊕ g,  with c_{i−1} as a further summand
    e_bi ← update of e_bi, from ê_bi ⊕ g
    g    ← update of g,    from ĝ

A second graph with all edges turned round, whose neighbour is c_{i+1}, reads backwards.

The paper treats one sentence at a time. Here the graphs of a batch are one graph of many parts:
attention is a softmax over the runs of a list of pairs, so nothing is padded.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop

from spacy_cmner.layers.bilstm import BiLSTM
from spacy_cmner.layers.sentences import Sentences, neighbour_rows, spread


class Graph(NamedTuple):
    """The graphs of B sentences with N characters and M words, for one direction."""

    sources: Tensor  # (M,) character that a word comes from
    targets: Tensor  # (M,) character that it leads to
    neighbours: Tensor  # (N,) character read before, N if there is none
    sentences: Tensor  # (N,) sentence of a character
    word_sentences: Tensor  # (M,) sentence of a word
    holders: Tensor  # (P,) word, for each character of each word
    held: Tensor  # (P,) the character


class SetAttention(nn.Module):
    """Multi-head attention in which each of many askers looks at a set of its own.

    width (int): of the askers and of the output.
    asked_width (int): of what they look at.
    n_heads, head_width (int): H heads of width E.
    """

    def __init__(self, width: int, asked_width: int, n_heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = (n_heads, head_width)
        self.query = nn.Linear(width, n_heads * head_width)
        # A bias would add the same to all scores of an asker, and softmax would not see it.
        self.key = nn.Linear(asked_width, n_heads * head_width, bias=False)
        self.value = nn.Linear(asked_width, n_heads * head_width)
        self.output = nn.Linear(n_heads * head_width, width)

    def forward(
        self, asking: Tensor, asked: Tensor, askers: Tensor, members: Tensor | None = None
    ) -> Tensor:
        """Attend; who has an empty set takes the output's bias.

        asking (Q, width), asked (K, asked_width).
        askers (P,): who asks, for each pair of an asker and a member of its set.
        members (P,): the member; None if each of the K rows is in one set, so that P = K.
        RETURNS (Tensor): (Q, width).
        """
        keys, values = (part(asked).unflatten(1, self.heads) for part in (self.key, self.value))
        if members is not None:
            keys, values = keys[members], values[members]
        queries = self.query(asking).unflatten(1, self.heads)
        scores = (queries[askers] * keys).sum(dim=2) / self.heads[1] ** 0.5  # (P, H)
        weights = softmax_of_sets(scores, askers, len(asking)).unsqueeze(2)
        gathered = queries.new_zeros(queries.shape).index_add(0, askers, weights * values)
        return self.output(gathered.flatten(1))


def softmax_of_sets(scores: Tensor, owners: Tensor, n_sets: int) -> Tensor:
    """Softmax over the rows of each set: scores (P, H), owners (P,) below ``n_sets``."""
    size = (n_sets, scores.shape[1])
    index = owners.unsqueeze(1).expand_as(scores)
    highest = scores.new_full(size, -torch.inf).scatter_reduce(0, index, scores.detach(), "amax")
    powers = (scores - highest[owners]).exp()
    return powers / scores.new_zeros(size).index_add(0, owners, powers)[owners]


class GatedUpdate(nn.Module):
    """A new state as a gated sum of a candidate, the old state and further states.

    width (int): of a state.
    context_width (int): of what else the gates and the candidate are computed from.
    n_states (int): states in the sum, the candidate not counted.
    """

    def __init__(self, width: int, context_width: int, n_states: int = 1) -> None:
        super().__init__()
        width_in = n_states * width + context_width
        self.gates = nn.Linear(width_in, (n_states + 1) * width)
        self.candidate = nn.Linear(width_in, width)

    def forward(self, context: Tensor, *states: Tensor) -> Tensor:
        """context (N, context_width) and states (N, width), to (N, width)."""
        known = torch.cat([*states, context], dim=1)
        summands = torch.stack([torch.tanh(self.candidate(known)), *states], dim=1)
        gates = torch.sigmoid(self.gates(known)).view_as(summands)
        return (gates.softmax(dim=1) * summands).sum(dim=1)


class LexiconGraph(nn.Module):
    """One direction: states ``(N, width)`` of characters and ``(M, width)`` of words, updated.

    width (int): of a state.
    n_heads, head_width (int): of the attention.
    iterations (int): how often all states are updated, by the same weights.
    """

    def __init__(self, width: int, n_heads: int, head_width: int, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations
        heads = (n_heads, head_width)
        self.gather_words = SetAttention(width, 2 * width, *heads)
        self.gather_characters = SetAttention(width, width, *heads)
        self.gather_all_characters = SetAttention(width, width, *heads)
        self.gather_all_words = SetAttention(width, width, *heads)
        self.update_character = GatedUpdate(width, 2 * width, n_states=2)
        self.update_word = GatedUpdate(width, 2 * width)
        self.update_whole = GatedUpdate(width, 2 * width)

    def forward(self, characters: Tensor, words: Tensor, n_sentences: int, graph: Graph) -> Tensor:
        """characters (N, width) and words (M, width), to characters (N, width)."""
        whole = self.first_whole(characters, words, n_sentences, graph)  # (B, width)
        for iteration in range(self.iterations):
            incoming = torch.cat([characters[graph.sources], words], dim=1)
            gathered = self.gather_words(characters, incoming, graph.targets)
            before = neighbour_rows(characters, graph.neighbours)
            context = torch.cat([gathered, whole[graph.sentences]], dim=1)
            updated = self.update_character(context, characters, before)
            if iteration + 1 < self.iterations:  # nothing reads the last words and wholes
                inside = self.gather_characters(words, characters, graph.holders, graph.held)
                context = torch.cat([inside, whole[graph.word_sentences]], dim=1)
                updated_words = self.update_word(context, words)
                everything = torch.cat(
                    [
                        self.gather_all_characters(whole, characters, graph.sentences),
                        self.gather_all_words(whole, words, graph.word_sentences),
                    ],
                    dim=1,
                )
                whole = self.update_whole(everything, whole)
                words = updated_words
            characters = updated
        return characters

    def first_whole(
        self, characters: Tensor, words: Tensor, n_sentences: int, graph: Graph
    ) -> Tensor:
        """The mean of the characters and words of each sentence."""
        owners = torch.cat([graph.sentences, graph.word_sentences])
        sums = characters.new_zeros((n_sentences, characters.shape[1]))
        sums = sums.index_add(0, owners, torch.cat([characters, words]))
        counts = torch.bincount(owners, minlength=n_sentences).clamp(min=1)
        return sums / counts.unsqueeze(1)


class Lgn(nn.Module):
    """Context encoder with words: ``(N, width_in)`` characters to ``(N, 2 · hidden_width)``.

    width_in (int): width of the character representations.
    n_words (int): words of the lexicon.
    word_width (int): width of a word vector.
    hidden_width (int): of the states in each direction.
    n_heads, head_width, iterations (int): see ``LexiconGraph``.
    """

    def __init__(
        self,
        width_in: int,
        n_words: int,
        word_width: int,
        hidden_width: int,
        n_heads: int,
        head_width: int,
        iterations: int,
    ) -> None:
        super().__init__()
        self.width = 2 * hidden_width
        self.words = nn.Embedding(n_words, word_width)
        self.lstm = BiLSTM(width_in, hidden_width)
        self.from_words = nn.Linear(word_width, hidden_width)
        sizes = (hidden_width, n_heads, head_width, iterations)
        self.forwards = LexiconGraph(*sizes)
        self.backwards = LexiconGraph(*sizes)

    def forward(self, rows: Tensor, sentences: Sentences, dropout: float = 0.0) -> Tensor:
        """Encode.

        rows (N, width_in): the characters of the sentences, packed end to end.
        dropout (float): applied to characters, words and the output, in training only.
        """
        vectors = drop(sentences.embed_words(self.words), dropout, training=self.training)
        edges = torch.tanh(self.from_words(vectors))
        states = self.lstm(drop(rows, dropout, training=self.training), sentences.lengths)
        following, previous = sentences.neighbours(rows.device)
        firsts, lasts = sentences.starts, sentences.ends - 1
        holders, held = spread(sentences.starts, sentences.ends)
        owners = sentences.owners
        first, last, *shared = (
            torch.from_numpy(each).to(rows.device)
            for each in (firsts, lasts, owners, owners[firsts], holders, held)
        )
        directions = (
            (self.forwards, Graph(first, last, previous, *shared)),
            (self.backwards, Graph(last, first, following, *shared)),
        )
        encoded = [
            network(half, edges, len(sentences.lengths), graph)
            for half, (network, graph) in zip(states.chunk(2, dim=1), directions, strict=True)
        ]
        return drop(torch.cat(encoded, dim=1), dropout, training=self.training)
