"""Speed of the CRF against pytorch-crf: the loss with its gradients, and decoding.

    OMP_NUM_THREADS=1 python benchmarks/crf_speed.py

Each row is the best of several runs after a warm-up, on one thread of the CPU; the rows of a GPU
appear where there is one. pytorch-crf knows no illegal moves, so it searches all of them.
"""

from collections.abc import Callable

import numpy as np
import torch
from _measure import shortest
from torchcrf import CRF

from spacy_cmner.layers.crf import TagScheme, crf_decode, crf_loss

N_SENTENCES = 32
LENGTH = 50
SCHEME = TagScheme(["bod", "dis", "sym", "pro", "dru", "ite", "mic", "equ", "dep"])
REPEATS = 20


def milliseconds(function: Callable[[], object], device: str) -> float:
    """The shortest of several runs; the first one, which may compile, does not count."""

    def run() -> None:
        function()
        if device == "cuda":
            torch.cuda.synchronize()

    run()
    return 1e3 * shortest(run, REPEATS)


def main() -> None:
    rng = np.random.default_rng(0)
    n_characters, n_tags = N_SENTENCES * LENGTH, SCHEME.n_tags
    emissions = rng.normal(size=(n_characters, n_tags)).astype(np.float32)
    lengths = np.full(N_SENTENCES, LENGTH, dtype=np.int32)
    transitions, start, end = (
        rng.normal(size=shape).astype(np.float32) for shape in ((n_tags, n_tags), n_tags, n_tags)
    )
    gold, _ = crf_decode(emissions, lengths, transitions, start, end, SCHEME.masks)
    allowed = SCHEME.encode(n_characters, SCHEME.decode(gold))

    rows = [
        (
            "spacy_cmner, numba",
            "cpu",
            lambda: crf_loss(emissions, lengths, allowed, transitions, start, end, SCHEME.masks),
            lambda: crf_decode(emissions, lengths, transitions, start, end, SCHEME.masks),
        )
    ]
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        rows += torch_rows(device, emissions, lengths, allowed, (transitions, start, end), gold)

    print(f"{N_SENTENCES} sentences of {LENGTH} characters, {n_tags} tags")
    print(f"{'':20}{'device':>8}{'loss + gradient':>18}{'decoding':>12}{'characters/s':>16}")
    for name, device, loss, decode in rows:
        loss_ms, decode_ms = milliseconds(loss, device), milliseconds(decode, device)
        speed = n_characters / decode_ms * 1e3
        print(f"{name:20}{device:>8}{loss_ms:>15.2f} ms{decode_ms:>9.2f} ms{speed:>16,.0f}")


def torch_rows(device, emissions, lengths, allowed, parameters, gold):
    """Our torch path and pytorch-crf, on the same numbers."""
    scores, permitted, transitions, start, end = (
        torch.from_numpy(array).to(device) for array in (emissions, allowed, *parameters)
    )
    sizes = torch.from_numpy(lengths)
    peer = CRF(SCHEME.n_tags, batch_first=True).to(device)
    with torch.no_grad():
        peer.transitions.copy_(transitions)
        peer.start_transitions.copy_(start)
        peer.end_transitions.copy_(end)
    padded = scores.view(N_SENTENCES, LENGTH, -1).clone().requires_grad_()
    tags = torch.from_numpy(gold).long().view(N_SENTENCES, LENGTH).to(device)
    mask = torch.ones_like(tags, dtype=torch.bool)

    def peer_loss():
        peer.zero_grad()
        padded.grad = None
        (-peer(padded, tags, mask=mask)).backward()

    return [
        (
            "spacy_cmner, torch",
            device,
            lambda: crf_loss(scores, sizes, permitted, transitions, start, end, SCHEME.masks),
            lambda: crf_decode(scores, sizes, transitions, start, end, SCHEME.masks),
        ),
        ("pytorch-crf", device, peer_loss, lambda: peer.decode(padded, mask=mask)),
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
