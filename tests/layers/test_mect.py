import numpy as np
import torch
from torch.nn.functional import relu

from spacy_cmner.layers.flat import sinusoids
from spacy_cmner.layers.mect import Mect, RandomAttention
from spacy_cmner.layers.sentences import Sentences

HEADS, WIDTH = 2, 4
WORDS, STARTS, ENDS = np.array([0, 2, 1]), np.array([0, 1, 2]), np.array([2, 4, 4])


def literal_layer(layer, queries, tokens, heads, tails):
    """Wu et al.'s attention pair by pair, for one sentence; queries are the first tokens."""
    attention, width = layer.attention, HEADS * WIDTH
    asking, keys, values = (
        attention.query(queries),
        attention.key(tokens),
        attention.value(tokens),
    )
    answers = torch.empty((len(queries), width))
    for head in range(HEADS):
        own = slice(head * WIDTH, (head + 1) * WIDTH)
        for i in range(len(queries)):
            scores = []
            for j in range(len(tokens)):
                distances = [i - heads[j], i - tails[j], i - heads[j], i - tails[j]]
                waves = torch.cat([sinusoids(torch.tensor([d]), width)[0] for d in distances])
                relation = attention.position_key(relu(attention.distances(waves)))
                score = (asking[i, own] + attention.u[head, 0]) @ keys[j, own]
                score = score + (asking[i, own] + attention.v[head, 0]) @ relation[own]
                fixed = attention.random.queries[head, i] @ attention.random.keys[head, heads[j]]
                scores.append(score / WIDTH**0.5 + fixed)
            answers[i, own] = torch.stack(scores).softmax(0) @ values[:, own]
    rows = attention.norm(queries + attention.output(answers))
    return layer.norm(rows + layer.narrow(relu(layer.widen(rows))))


def test_equals_the_equations_pair_by_pair():
    torch.manual_seed(0)
    module = Mect(
        width_in=8,
        n_words=3,
        word_width=3,
        component_width=3,
        n_heads=HEADS,
        head_width=WIDTH,
        factor=2,
    ).eval()
    rows = torch.randn((4, 8))
    with torch.no_grad():
        found = module(rows, Sentences(WORDS, STARTS, ENDS, np.array([4])))
        characters = module.from_characters(rows[:, :5])
        lattice = torch.cat([characters, module.from_words(module.words.weight[WORDS])])
        components = module.from_components(rows[:, 5:])
        places = list(range(4))
        heads, tails = [*places, *STARTS], [*places, *(ENDS - 1)]
        wanted = torch.cat(
            [
                literal_layer(module.ask_components, characters, components, places, places),
                literal_layer(module.ask_lattice, components, lattice, heads, tails),
            ],
            dim=1,
        )
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_random_attention_has_a_score_for_any_position():
    scores = RandomAttention(n_heads=2, positions=3, rank=2)
    asking, asked = torch.tensor([[0, 4, 6]]), torch.tensor([[3, 1]])
    found = scores(asking, asked)
    assert found.shape == (1, 2, 3, 2)
    torch.testing.assert_close(found[0, :, 0], found[0, :, 2])  # positions 0 and 6
    wanted = scores.queries[1, 1] @ scores.keys[1, 0]
    torch.testing.assert_close(found[0, 1, 1, 0], wanted)
