"""A bidirectional lattice LSTM: an LSTM over characters, with cells for the words between them.

Reference: Zhang and Yang (2018), Chinese NER Using Lattice LSTM, section 3.3, but for f_j, which
there is a gate with weights of its own. For each direction, with x_j the representation of
character j, x_w the vector of a word w from character b to e, and all products elementwise:

    [i_j; o_j; c̃_j] = [σ; σ; tanh](W x_j + U h_{j-1} + bias),    f_j = 1 - i_j
    [i_w; f_w; c̃_w] = [σ; σ; tanh](W' x_w + U' h_b + bias')
    c_w = f_w c_b + i_w c̃_w                                      the cell of a word
    g_w = σ(W″ x_e + U″ c_w + bias″)                             its gate into character e
    c_j = f_j c_{j-1} + i_j c̃_j                                  where no word ends
    c_j = (e^{i_j} c̃_j + Σ_w e^{g_w} c_w) / (e^{i_j} + Σ_w e^{g_w})    where words w end
    h_j = o_j tanh(c_j)

A batch goes from left to right together. Sequences are sorted by length, so that a step holds the
states of those only that are that long; characters and words are numbered in the order of the
steps in which they are made, so that a step reads and writes slices. A word's cell is made where
the word begins and waits, among the other words of that step, until it ends.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop

from spacy_cmner.layers.sentences import Sentences


class Plan(NamedTuple):
    """In which order one direction reads a batch: T steps, N characters, M words.

    characters (N,): packed positions, by step and then by sequence, the longest first.
    widths (T): sequences at each step.
    words (M,): rows of the word table, by the step where a word begins, then by that where it ends.
    heads (T tensors): the sequences whose character of the step begins a word, one a word.
    reaches (T lists): in each step, (step where they end, how many words end there).
    tails (T tensors): the sequences in which words end at the step, one a word, in the order in
        which the words began.
    """

    characters: Tensor
    widths: list[int]
    words: Tensor
    heads: list[Tensor]
    reaches: list[list[tuple[int, int]]]
    tails: list[Tensor]


def make_plan(sentences: Sentences, device: torch.device, reverse: bool = False) -> Plan:
    """Plan one direction.

    reverse (bool): read from right to left; a word then begins at its last character.
    """
    words, starts, ends, lengths = sentences
    lasts = ends - 1
    rank = np.argsort(np.argsort(-lengths, kind="stable"))
    owners = sentences.owners
    steps = np.arange(len(owners)) - sentences.begins[owners]
    if reverse:
        steps = lengths[owners] - 1 - steps
        starts, lasts = lasts, starts
    n_steps = int(lengths.max(initial=0))

    characters = np.lexsort((rank[owners], steps))
    widths = np.bincount(steps, minlength=n_steps)
    sequences = rank[owners[starts]]
    first_steps, last_steps = steps[starts], steps[lasts]
    by_start = np.lexsort((sequences, last_steps, first_steps))
    by_end = np.lexsort((sequences, first_steps, last_steps))
    reaches: list[list[tuple[int, int]]] = [[] for _ in range(n_steps)]
    pairs = np.stack([first_steps, last_steps], axis=1)
    for (first, last), n_words in zip(*np.unique(pairs, axis=0, return_counts=True), strict=True):
        reaches[first].append((int(last), int(n_words)))

    def on_device(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(device)

    def by_step(array: np.ndarray, of_step: np.ndarray) -> list[Tensor]:
        sizes = np.bincount(of_step, minlength=n_steps).tolist()
        return list(on_device(array).split(sizes))

    return Plan(
        characters=on_device(characters),
        widths=widths.tolist(),
        words=on_device(words[by_start]),
        heads=by_step(sequences[by_start], first_steps),
        reaches=reaches,
        tails=by_step(sequences[by_end], last_steps),
    )


def orthogonal(width: int, n_gates: int) -> nn.Parameter:
    """Recurrent weights (width, n_gates · width), orthogonal for each gate."""
    gates = [nn.init.orthogonal_(torch.empty(width, width)) for _ in range(n_gates)]
    return nn.Parameter(torch.cat(gates, dim=1))


class LatticeDirection(nn.Module):
    """One direction of the lattice LSTM.

    width_in (int): width of the character representations.
    word_width (int): width of a word vector.
    hidden_width (int): units.
    """

    def __init__(self, width_in: int, word_width: int, hidden_width: int) -> None:
        super().__init__()
        self.hidden_width = hidden_width
        self.character_input = nn.Linear(width_in, 3 * hidden_width)  # i, o, c̃
        self.word_input = nn.Linear(word_width, 3 * hidden_width)  # i, f, c̃
        self.gate_input = nn.Linear(width_in, hidden_width)
        for layer in (self.character_input, self.word_input, self.gate_input):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.character_state = orthogonal(hidden_width, 3)
        self.word_state = orthogonal(hidden_width, 3)
        self.gate_cell = orthogonal(hidden_width, 1)

    def forward(self, rows: Tensor, words: Tensor, plan: Plan) -> Tensor:
        """rows (N, width_in) of the packed characters and words (M, word_width) of the plan, to
        the states (N, hidden_width), packed."""
        rows = rows[plan.characters]
        inputs = self.character_input(rows).split(plan.widths)
        gate_inputs = self.gate_input(rows).split(plan.widths)
        word_inputs = self.word_input(words).split([len(heads) for heads in plan.heads])
        waiting: list[list[Tensor]] = [[] for _ in plan.widths]
        hidden = cell = rows.new_zeros((plan.widths[0], self.hidden_width))
        states = []
        for step, width in enumerate(plan.widths):
            gates = torch.addmm(inputs[step], hidden[:width], self.character_state)  # (n, 3H)
            entry, output = torch.sigmoid(gates[:, : 2 * self.hidden_width]).chunk(2, dim=1)
            candidate = torch.tanh(gates[:, 2 * self.hidden_width :])
            cell = torch.lerp(cell[:width], candidate, entry)
            if waiting[step]:
                tails = plan.tails[step]
                cell = self._join(
                    cell, candidate, entry, torch.cat(waiting[step]), gate_inputs[step], tails
                )
                waiting[step].clear()
            hidden = output * torch.tanh(cell)  # (n, H)
            states.append(hidden)
            if plan.reaches[step]:
                word_cells = self._begin(word_inputs[step], hidden, cell, plan.heads[step])
                ends, sizes = zip(*plan.reaches[step], strict=True)
                for end, cells in zip(ends, word_cells.split(sizes), strict=True):
                    waiting[end].append(cells)
        return torch.cat(states)[plan.characters.argsort()]

    def _begin(self, word_inputs: Tensor, hidden: Tensor, cell: Tensor, heads: Tensor) -> Tensor:
        """The cells (m, H) of the words that begin at a step."""
        gates = torch.addmm(word_inputs, hidden[heads], self.word_state)  # (m, 3H)
        entry, keep = torch.sigmoid(gates[:, : 2 * self.hidden_width]).chunk(2, dim=1)
        return keep * cell[heads] + entry * torch.tanh(gates[:, 2 * self.hidden_width :])

    def _join(
        self,
        cell: Tensor,
        candidate: Tensor,
        entry: Tensor,
        word_cells: Tensor,
        gate_inputs: Tensor,
        tails: Tensor,
    ) -> Tensor:
        """The cells (n, H) of a step at which words (m, H) end; others stay as they are."""
        gates = torch.addmm(gate_inputs[tails], word_cells, self.gate_cell)  # (m, H)
        gates = torch.exp(torch.sigmoid(gates))
        weight = torch.exp(entry)
        total = weight.index_add(0, tails, gates)
        joined = (weight * candidate).index_add(0, tails, gates * word_cells) / total
        has_word = cell.new_zeros((len(cell), 1), dtype=torch.bool).index_fill(0, tails, True)
        return torch.where(has_word, joined, cell)


class LatticeLstm(nn.Module):
    """Characters and words to ``(N, 2 * hidden_width)``.

    width_in (int): width of the character representations.
    n_words (int): words of the lexicon.
    word_width (int): width of a word vector.
    hidden_width (int): units in each direction.
    """

    def __init__(self, width_in: int, n_words: int, word_width: int, hidden_width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(n_words, word_width)
        self.forwards = LatticeDirection(width_in, word_width, hidden_width)
        self.backwards = LatticeDirection(width_in, word_width, hidden_width)
        self.width = 2 * hidden_width

    def forward(self, rows: Tensor, sentences: Sentences, dropout: float = 0.0) -> Tensor:
        """Encode.

        rows (N, width_in): the characters of the sentences, packed end to end.
        dropout (float): applied to the characters, words and output, in training only.
        """
        if not len(rows):
            # The sum keeps the result in the graph, so that backward() works as ever.
            return rows.new_zeros((0, self.width)) + rows.sum()
        rows = drop(rows, dropout, training=self.training)
        encoded = []
        for direction in (self.forwards, self.backwards):
            plan = make_plan(sentences, rows.device, reverse=direction is self.backwards)
            vectors = drop(self.words(plan.words), dropout, training=self.training)
            encoded.append(direction(rows, vectors, plan))
        return drop(torch.cat(encoded, dim=1), dropout, training=self.training)
