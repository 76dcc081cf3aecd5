"""The automaton of ``automaton.py``: its trie and the search, compiled by numba."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spacy_cmner.jit import jit

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint32]
Nodes = npt.NDArray[np.int32]

ROOT, NONE = 0, -1

# A key is a node and a code point, which has 21 bits.
_CODE_BITS = np.uint64(21)
_EMPTY = np.uint64(2**64 - 1)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ over the golden ratio: Knuth's multiplicative hash


class Trie(NamedTuple):
    """K nodes, each for the beginning of a word that leads to it; the root is 0.

    keys ((S,) uint64): a hash table of the moves: node and code point, ``_EMPTY`` in a free slot.
    children ((S,) int32): the node that a move leads to.
    words ((K,) int32): number of the word that ends at a node, or ``NONE``.
    suffixes ((K,) int32): the node of the longest proper suffix that is a node.
    outputs ((K,) int32): the node of the longest proper suffix that is a word; the root if none is.
    """

    keys: npt.NDArray[np.uint64]
    children: Nodes
    words: Nodes
    suffixes: Nodes
    outputs: Nodes


@jit()
def _slot(keys: npt.NDArray[np.uint64], key: np.uint64) -> np.uint64:
    """Where a key is, or the free slot where it belongs."""
    mask = np.uint64(len(keys) - 1)
    slot = ((key * _GOLDEN) >> np.uint64(32)) & mask
    while keys[slot] != key and keys[slot] != _EMPTY:
        slot = (slot + np.uint64(1)) & mask
    return slot


@jit()
def _child(keys: npt.NDArray[np.uint64], children: Nodes, node: int, code: int) -> int:
    """The node that a move leads to, or ``NONE``."""
    key = (np.uint64(node) << _CODE_BITS) | np.uint64(code)
    slot = _slot(keys, key)
    return children[slot] if keys[slot] == key else NONE


@jit()
def build(codes: Codes, lengths: Ints) -> tuple:
    """The fields of ``Trie``, from the code points of the words packed end to end."""
    size = 8
    while size < 2 * len(codes):
        size *= 2
    keys = np.full(size, _EMPTY)
    children = np.zeros(size, dtype=np.int32)
    parents = np.zeros(len(codes) + 1, dtype=np.int32)
    entries = np.zeros(len(codes) + 1, dtype=np.uint32)  # the code point that leads to a node
    depths = np.zeros(len(codes) + 1, dtype=np.int64)
    words = np.full(len(codes) + 1, NONE, dtype=np.int32)
    count, start = 1, 0
    for number, length in enumerate(lengths):
        node = ROOT
        for depth, code in enumerate(codes[start : start + length]):
            key = (np.uint64(node) << _CODE_BITS) | np.uint64(code)
            slot = _slot(keys, key)
            if keys[slot] == _EMPTY:
                keys[slot], children[slot] = key, count
                parents[count], entries[count], depths[count] = node, code, depth + 1
                count += 1
            node = children[slot]
        words[node] = number
        start += length
    suffixes = np.zeros(count, dtype=np.int32)
    outputs = np.zeros(count, dtype=np.int32)
    for node in np.argsort(depths[:count], kind="mergesort")[1:]:
        parent = parents[node]
        if parent != ROOT:
            suffix = _step(keys, children, suffixes, suffixes[parent], entries[node])
            suffixes[node] = suffix
            outputs[node] = suffix if words[suffix] != NONE else outputs[suffix]
    return keys, children, words[:count].copy(), suffixes, outputs


@jit()
def _step(
    keys: npt.NDArray[np.uint64], children: Nodes, suffixes: Nodes, node: int, code: int
) -> int:
    """The node of the longest suffix of what was read that begins a word, one character on."""
    child = _child(keys, children, node, code)
    while child == NONE and node != ROOT:
        node = suffixes[node]
        child = _child(keys, children, node, code)
    return ROOT if child == NONE else child


@jit()
def search(codes: Codes, lengths: Ints, trie: Trie) -> tuple[Ints, Ints]:
    """(M,) the words found and (M,) their ends."""
    words: Ints = np.empty(len(codes) + 1, dtype=np.int64)
    ends: Ints = np.empty(len(codes) + 1, dtype=np.int64)
    count, place = 0, 0
    for length in lengths:
        node = ROOT
        for code in codes[place : place + length]:
            place += 1
            node = _step(trie.keys, trie.children, trie.suffixes, node, code)
            found = node if trie.words[node] != NONE else trie.outputs[node]
            while found != ROOT:
                if count == len(words):
                    words = np.concatenate((words, np.empty_like(words)))
                    ends = np.concatenate((ends, np.empty_like(ends)))
                words[count], ends[count] = trie.words[found], place
                count += 1
                found = trie.outputs[found]
    return words[:count].copy(), ends[:count].copy()
