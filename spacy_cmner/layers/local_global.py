"""The local and the global representation of characters, and their gated integration.

Reference: the paper this project implements (Local and global character representation enhanced
model for Chinese medical named entity recognition), Methodology. The spatial encoder follows the
group convolution of Meng et al. (2019), Glyce: Glyph-vectors for Chinese Character
Representations.

All of it depends on the character alone, never on its sentence: ``LocalGlobal`` computes it once
for each distinct character of a batch and gathers the rows. Nothing in here may therefore behave
differently for two occurrences of one character; dropout comes after the gather.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, mse_loss, relu

from spacy_cmner.layers.lookup import find_rows

Fusion = Literal["autoencoder", "concat", "sum", "projection"]
Integration = Literal["gated_concat", "gated_add", "concat", "add"]

# Side of the spatial encoder's first convolution, and so of the smallest image that it can read.
SPATIAL_KERNEL = 5


class SpatialEncoder(nn.Module):
    """What a character looks like: images in several fonts to one vector.

    Convolution 5×5, adaptive max-pooling to 2×2 (the four quarters of a character), a grouped
    1×1 convolution that squeezes and a grouped 2×2 convolution that reads the quarters together.

    fonts (int): images a character has.
    channels (int): filters, and the width of the output (384 in the paper); a multiple of 64.
    stride (int): of the first convolution.
    """

    def __init__(self, fonts: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.width = channels
        squeezed = channels // 4
        self.strokes = nn.Conv2d(fonts, channels, kernel_size=SPATIAL_KERNEL, stride=stride)
        self.squeeze = nn.Conv2d(channels, squeezed, kernel_size=1, groups=8)
        self.quarters = nn.Conv2d(squeezed, channels, kernel_size=2, groups=16)

    def forward(self, images: Tensor) -> Tensor:
        """images (U, F, H, W) grey levels 0–255, to (U, channels)."""
        hidden = relu(self.strokes(images.to(self.strokes.weight.dtype) / 255.0))
        hidden = adaptive_max_pool2d(hidden, 2)  # (U, channels, 2, 2)
        hidden = relu(self.squeeze(hidden))
        return relu(self.quarters(hidden)).flatten(1)


class SequentialEncoder(nn.Module):
    """What a character is made of: its radical and other components, read as a sequence.

    n_parts (int): size of the vocabulary of components, padding (0) included.
    width (int): of a component's embedding and of the output.
    """

    def __init__(self, n_parts: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.parts = nn.Embedding(n_parts, width, padding_idx=0)
        self.convolution = nn.Conv1d(width, width, kernel_size=3, padding=1)

    def forward(self, components: Tensor) -> Tensor:
        """components (U, K) ids, to (U, width): convolution of width 3, max-pooled over parts."""
        embedded = self.parts(components.long()).transpose(1, 2)  # (U, width, K)
        hidden = torch.tanh(self.convolution(embedded))
        padding = (components == 0).unsqueeze(1)
        # A character without components keeps its first (padding) position: no -inf rows.
        padding[..., 0] = False
        return hidden.masked_fill(padding, -2.0).amax(dim=2)


class LocalFusion(nn.Module):
    """Fuse the spatial, sequential and Char2Vec vectors into the local representation (Table 5).

    method: autoencoder is the hidden vector of an autoencoder over the concatenation, whose
        reconstruction error is a loss beside the tagger's; concat the concatenation itself; sum
        each vector projected to ``width``, added; projection the concatenation projected to it.
    widths (List[int]): of the vectors to fuse.
    width (int): of the local representation; concat has the sum of ``widths`` instead.
    """

    def __init__(self, method: Fusion, widths: list[int], width: int) -> None:
        super().__init__()
        self.method = method
        total = sum(widths)
        self.width = total if method == "concat" else width
        if method in ("autoencoder", "projection"):
            self.encode = nn.Linear(total, width)
        if method == "autoencoder":
            self.decode = nn.Linear(width, total)
        if method == "sum":
            self.project = nn.ModuleList(nn.Linear(w, width) for w in widths)

    def forward(self, parts: list[Tensor]) -> tuple[Tensor, Tensor]:
        """parts [(U, width_i)], to the local representation (U, width) and the mean squared
        reconstruction error (1,), zero for all methods but the autoencoder."""
        error = parts[0].new_zeros(1)
        if self.method == "sum":
            projected = [project(p) for project, p in zip(self.project, parts, strict=True)]
            return torch.stack(projected).sum(dim=0), error
        joined = torch.cat(parts, dim=1)
        if self.method == "concat":
            return joined, error
        if self.method == "projection":
            return self.encode(joined), error
        hidden = torch.tanh(self.encode(joined))
        # The target is held fixed: otherwise the encoders could lower the error by saying less.
        error = mse_loss(self.decode(hidden), joined.detach(), reduction="sum")
        return hidden, error.reshape(1) / max(joined.numel(), 1)  # a batch may hold no characters


class GatedIntegration(nn.Module):
    """Integrate the local and the global representation (Table 6).

    Each has a sigmoid gate computed from both; gated_concat, the paper's way, concatenates the
    gated vectors and gated_add adds them; concat and add do without gates. Adding needs equal
    widths, so the global vector is projected to the local width first.

    method: gated_concat, gated_add, concat or add.
    local_width, global_width (int): L and G, of the two vectors.
    """

    def __init__(self, method: Integration, local_width: int, global_width: int) -> None:
        super().__init__()
        self.method = method
        self.adds = method in ("gated_add", "add")
        self.width = local_width if self.adds else local_width + global_width
        if self.adds:
            self.project = nn.Linear(global_width, local_width)
            global_width = local_width
        if method in ("gated_concat", "gated_add"):
            both = local_width + global_width
            self.local_gate = nn.Linear(both, local_width)
            self.global_gate = nn.Linear(both, global_width)

    def forward(self, local: Tensor, globals_: Tensor) -> Tensor:
        """local (U, L) and global (U, G) to (U, width)."""
        if self.adds:
            globals_ = self.project(globals_)
        if self.method in ("gated_concat", "gated_add"):
            both = torch.cat([local, globals_], dim=1)
            local = torch.sigmoid(self.local_gate(both)) * local
            globals_ = torch.sigmoid(self.global_gate(both)) * globals_
        return local + globals_ if self.adds else torch.cat([local, globals_], dim=1)


class LocalGlobal(nn.Module):
    """Unicode code points to enhanced character representations.

    The tables hold one row a character; row 0 stands for every unknown character. They are saved
    with the module, so a trained pipeline needs no resource file. A part whose size is None is
    switched off, which gives the ablations of Table 4.

    n_chars (int): rows of the tables.
    char_width (Optional[int]): width of the trained Char2Vec embeddings.
    fonts (Optional[int]): images a character has.
    image_size (int): side length of the images in pixels.
    channels, stride (int): see ``SpatialEncoder``.
    n_components (Optional[int]): components a character has at most (K).
    n_parts, component_width (int): see ``SequentialEncoder``.
    fusion, local_width: see ``LocalFusion``.
    word_width (Optional[int]): width of a word vector; the global table is four times as wide.
    integration: see ``GatedIntegration``.
    width (Optional[int]): width to which the representation is projected at the end.
    """

    code_points: Tensor
    images: Tensor
    components: Tensor
    words: Tensor

    def __init__(
        self,
        n_chars: int,
        *,
        char_width: int | None,
        fonts: int | None,
        image_size: int,
        channels: int,
        stride: int,
        n_components: int | None,
        n_parts: int,
        component_width: int,
        fusion: Fusion,
        local_width: int,
        word_width: int | None,
        integration: Integration,
        width: int | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("code_points", torch.arange(-1, n_chars - 1))
        widths = []
        self.spatial = self.sequential = self.char2vec = None
        if fonts:
            images = torch.zeros((n_chars, fonts, image_size, image_size), dtype=torch.uint8)
            self.register_buffer("images", images)
            self.spatial = SpatialEncoder(fonts, channels, stride)
            widths.append(self.spatial.width)
        if n_components:
            components = torch.zeros((n_chars, n_components), dtype=torch.int16)
            self.register_buffer("components", components)
            self.sequential = SequentialEncoder(n_parts, component_width)
            widths.append(self.sequential.width)
        if char_width:
            self.char2vec = nn.Embedding(n_chars, char_width)
            widths.append(char_width)
        self.fusion = LocalFusion(fusion, widths, local_width) if widths else None
        self.width = self.fusion.width if self.fusion else 0
        self.integrate = None
        if word_width:
            self.register_buffer("words", torch.zeros((n_chars, 4 * word_width)))
            if self.fusion:
                self.integrate = GatedIntegration(integration, self.width, 4 * word_width)
            self.width = self.integrate.width if self.integrate else 4 * word_width
        self.project = None
        if width:
            self.project = nn.Linear(self.width, width)
            self.width = width

    def find_rows(self, codes: Tensor) -> Tensor:
        """codes (U,) code points, to their table rows (U,)."""
        return find_rows(self.code_points, codes)

    def encode_types(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """rows (U,) of the tables, to representations (U, width) and the reconstruction error
        (1,)."""
        encoded, error = self.join(rows)
        return (encoded if self.project is None else self.project(encoded)), error

    def join(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """As ``encode_types``, before the projection."""
        parts = []
        if self.spatial is not None:
            parts.append(self.spatial(self.images[rows]))
        if self.sequential is not None:
            parts.append(self.sequential(self.components[rows]))
        if self.char2vec is not None:
            parts.append(self.char2vec(rows))
        if self.fusion is None:
            return self.words[rows], self.words.new_zeros(1)
        local, error = self.fusion(parts)
        if self.integrate is None:
            return local, error
        return self.integrate(local, self.words[rows]), error

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """codes (N,) code points, to (N, width) and the reconstruction error (1,), a mean over
        the distinct characters."""
        types, inverse = torch.unique(codes, return_inverse=True)
        encoded, error = self.encode_types(self.find_rows(types))
        return encoded[inverse], error
