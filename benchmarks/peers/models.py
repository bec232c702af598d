"""The five fusion models of the comparison in PyTorch, with the library's names for their weights.

families/*.cpp assembles the same models from the library's stages. Inputs are patches, video [batch, tokens, patch width]
and audio likewise; the result is logits [batch, classes].
"""
import dataclasses
import json
import logging
import pathlib
import struct
import sys

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass(frozen=True)
class Size:
    """Extents of a model; `apart` of its layers are unimodal where a family has such."""
    width: int
    heads: int
    layers: int
    apart: int
    classes: int
    video: tuple  # tokens, patch width
    audio: tuple


SIZES = {
    "tiny32": Size(32, 1, 4, 2, 10, (16, 64), (16, 32)),
    "tiny64": Size(64, 2, 4, 2, 10, (16, 64), (16, 32)),
    "small": Size(192, 3, 8, 4, 309, (98, 768), (50, 256)),
    "base": Size(768, 12, 12, 8, 309, (196, 768), (400, 256)),
    "base8": Size(768, 12, 12, 8, 309, (8 * 196, 768), (400, 256)),
}
FAMILIES = ("bottleneck", "early", "cross_attention", "late", "latent_adapter")
BOTTLENECKS, LATENTS, REDUCTION = 4, 2, 8


def attend(query, key, value, heads):
    """Attention of [batch, tokens, width] to keys and values of another length."""
    if torch.onnx.is_in_onnx_export():  # the operator of ONNX Runtime that does all of it
        return torch.onnx.ops.symbolic("com.microsoft::MultiHeadAttention", (query, key, value), {"num_heads": heads},
                                       dtype=query.dtype, shape=query.shape, version=1)
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
    return F.scaled_dot_product_attention(split(query), split(key), split(value)).transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Queries from x; keys and values from a context or, in one product with the queries, from x."""

    def __init__(self, size):
        super().__init__()
        self.heads, self.width = size.heads, size.width
        self.projection = nn.Linear(size.width, 3 * size.width)  # queries, keys, values
        self.output = nn.Linear(size.width, size.width)

    def forward(self, x, context=None):
        if context is None:
            query, key, value = self.projection(x).split(self.width, -1)
        else:
            weight, bias, width = self.projection.weight, self.projection.bias, self.width
            query = F.linear(x, weight[:width], bias[:width])
            key, value = F.linear(context, weight[width:], bias[width:]).split(width, -1)
        return self.output(attend(query, key, value, self.heads))


class Block(nn.Module):
    """A pre-norm transformer block; with a context, its norm is the block's as well."""

    def __init__(self, size):
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(size.width, 1e-6), nn.LayerNorm(size.width, 1e-6)
        self.attention = Attention(size)
        self.expand, self.contract = nn.Linear(size.width, 4 * size.width), nn.Linear(4 * size.width, size.width)

    def attention_branch(self, x, context=None):
        return self.attention(self.attention_norm(x), None if context is None else self.attention_norm(context))

    def mlp_branch(self, x):
        return self.contract(F.gelu(self.expand(self.mlp_norm(x))))

    def forward(self, x, context=None):
        x = x + self.attention_branch(x, context)
        return x + self.mlp_branch(x)


def blocks(size, count):
    return nn.ModuleList(Block(size) for _ in range(count))


class Embedding(nn.Module):
    def __init__(self, size, tokens, patch):
        super().__init__()
        self.projection = nn.Linear(patch, size.width)
        self.front = nn.Parameter(torch.randn(1, size.width) * 0.02)
        self.positions = nn.Parameter(torch.randn(tokens + 1, size.width) * 0.02)

    def forward(self, x):
        return torch.cat([self.front.expand(x.shape[0], -1, -1), self.projection(x)], 1) + self.positions


class Apart(nn.Module):
    """Each stream through blocks of its own."""

    def __init__(self, size, count):
        super().__init__()
        self.video, self.audio = blocks(size, count), blocks(size, count)

    def forward(self, video, audio):
        for for_video, for_audio in zip(self.video, self.audio):
            video, audio = for_video(video), for_audio(audio)
        return video, audio


class Bottleneck(nn.Module):
    """Streams exchange information through a few tokens that both update (Nagrani et al. 2021)."""

    def __init__(self, size, count):
        super().__init__()
        self.video, self.audio = blocks(size, count), blocks(size, count)
        self.bottleneck = nn.Parameter(torch.randn(BOTTLENECKS, size.width) * 0.02)

    def forward(self, video, audio):
        shared, n = self.bottleneck.expand(video.shape[0], -1, -1), BOTTLENECKS
        for for_video, for_audio in zip(self.video, self.audio):
            new_video, new_audio = for_video(torch.cat([shared, video], 1)), for_audio(torch.cat([shared, audio], 1))
            video, audio = new_video[:, n:], new_audio[:, n:]
            shared = (new_video[:, :n] + new_audio[:, :n]) * 0.5
        return video, audio


class Joint(nn.Module):
    """All tokens in one sequence."""

    def __init__(self, size, count):
        super().__init__()
        self.shared = blocks(size, count)

    def forward(self, video, audio):
        x = torch.cat([video, audio], 1)
        for block in self.shared:
            x = block(x)
        return x[:, :video.shape[1]], x[:, video.shape[1]:]


class Cross(nn.Module):
    """The tokens of each stream attend to those of both."""

    def __init__(self, size, count):
        super().__init__()
        self.video, self.audio = blocks(size, count), blocks(size, count)

    def forward(self, video, audio):
        for for_video, for_audio in zip(self.video, self.audio):
            both = torch.cat([video, audio], 1)
            video, audio = for_video(video, both), for_audio(audio, both)
        return video, audio


class Adapter(nn.Module):
    """Reads the other stream through a few latents, then two narrow maps (Lin et al. 2023)."""

    def __init__(self, size):
        super().__init__()
        self.latents = nn.Parameter(torch.rand(LATENTS, size.width))
        self.exchange_gate, self.gate = nn.Parameter(torch.full((1,), 0.1)), nn.Parameter(torch.full((1,), 0.1))
        self.norm_before, self.norm_after = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.down = nn.Linear(size.width, size.width // REDUCTION, bias=False)
        self.up = nn.Linear(size.width // REDUCTION, size.width, bias=False)

    def forward(self, x, other):
        latents = self.latents.expand(x.shape[0], -1, -1)
        latents = latents + torch.softmax(latents @ other.transpose(1, 2), -1) @ other
        x = x + self.exchange_gate * (torch.softmax(x @ latents.transpose(1, 2), -1) @ latents)
        return self.gate * self.norm_after(self.up(F.relu(self.down(self.norm_before(x)))))


class Adapted(nn.Module):
    """Frozen blocks that serve both streams, with trained adapters beside them."""

    def __init__(self, size, count):
        super().__init__()
        self.shared = blocks(size, count).requires_grad_(False)
        pairs = lambda: nn.ModuleList(nn.ModuleDict({"attention": Adapter(size), "mlp": Adapter(size)})
                                      for _ in range(count))
        self.adapters = nn.ModuleDict({"video": pairs(), "audio": pairs()})

    def forward(self, video, audio):
        for block, for_video, for_audio in zip(self.shared, self.adapters["video"], self.adapters["audio"]):
            for part, branch in (("attention", block.attention_branch), ("mlp", block.mlp_branch)):
                video, audio = (video + branch(video) + for_video[part](video, audio),
                                audio + branch(audio) + for_audio[part](audio, video))
        return video, audio


class Model(nn.Module):
    """Embeddings, the stages of a family, and a head for each stream on its class token; logits are averaged."""

    def __init__(self, size, stages):
        super().__init__()
        self.embed = nn.ModuleDict({"video": Embedding(size, *size.video), "audio": Embedding(size, *size.audio)})
        self.stages = nn.ModuleList(stages)
        head = lambda: nn.Sequential(nn.LayerNorm(size.width, 1e-6), nn.Linear(size.width, size.classes))
        self.heads = nn.ModuleDict({"video": head(), "audio": head()})

    def forward(self, video, audio):
        video, audio = self.embed["video"](video), self.embed["audio"](audio)
        for stage in self.stages:
            video, audio = stage(video, audio)
        return (self.heads["video"](video[:, 0]) + self.heads["audio"](audio[:, 0])) * 0.5


def build(family, size_name):
    """The model with weights that depend on nothing but its name."""
    size = SIZES[size_name]
    torch.manual_seed(FAMILIES.index(family))
    upper = size.layers - size.apart
    stages = {"bottleneck": lambda: [Apart(size, size.apart), Bottleneck(size, upper)],
              "early": lambda: [Joint(size, size.layers)],
              "cross_attention": lambda: [Apart(size, size.apart), Cross(size, upper)],
              "late": lambda: [Apart(size, size.layers)],
              "latent_adapter": lambda: [Adapted(size, size.layers)]}[family]()
    return Model(size, stages)


def inputs(size_name, batch):
    """Patches of video and of audio, and labels."""
    size, generator = SIZES[size_name], torch.Generator().manual_seed(1)
    video, audio = (torch.randn(batch, *extents, generator=generator) for extents in (size.video, size.audio))
    return video, audio, torch.arange(batch) * 37 % size.classes


def named_weights(model):
    """Pairs of the library's name and its tensor."""
    last = len(model.stages) + 1
    for name, tensor in model.state_dict().items():
        part, rest = name.split(".", 1)
        if part == "stages":
            number, rest = rest.split(".", 1)
            part = str(int(number) + 1)
        else:
            part = {"embed": "0", "heads": f"{last}.heads"}[part]
        rest = rest.replace("expand.", "mlp.expand.").replace("contract.", "mlp.contract.")
        is_head = part.endswith("heads")
        if "norm" in rest or (is_head and ".0." in rest):
            rest = rest.replace("weight", "scale")
        if part == "0":
            rest = rest.replace("front", "front.vectors").replace("positions", "positions.table")
        if rest.endswith(("down.weight", "up.weight")):
            tensor = tensor.unsqueeze(1)  # a convolution of one tap
        if "attention.projection." in rest:
            for kind, share in zip(("query", "key", "value"), tensor.chunk(3)):
                yield f"{part}.{rest.replace('projection', kind)}", share
        else:
            yield f"{part}.{rest}", tensor


def write_safetensors(path, tensors):
    """Writes pairs of name and tensor (https://github.com/huggingface/safetensors, "Format")."""
    header, offset, arrays = {}, 0, []
    for name, tensor in tensors:
        array = tensor.detach().contiguous().numpy()
        kind = {"float32": "F32", "int32": "I32"}[str(array.dtype)]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
        arrays.append(array)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays:
            array.tofile(file)


def write_files(folder, family, size_name, batch, with_graph):
    """What the other contestants read: weights.safetensors and inputs.safetensors; for ONNX Runtime model.onnx, in which
    attention is its fused operator, and inputs.npz."""
    model = build(family, size_name).eval()
    write_safetensors(folder / "weights.safetensors", named_weights(model))
    video, audio, labels = inputs(size_name, batch)
    write_safetensors(folder / "inputs.safetensors",
                      [("video", video), ("audio", audio), ("labels", labels.to(torch.int32))])
    if not with_graph:
        return
    import numpy
    numpy.savez(folder / "inputs.npz", video=video.numpy(), audio=audio.numpy())
    logging.disable(logging.WARNING)
    torch.onnx.export(model, (video, audio), folder / "model.onnx", input_names=["video", "audio"], opset_version=20,
                      dynamo=True, external_data=True, verbose=False)


def product_flops(family, size_name, needed=False):
    """Floating point operations of all matrix products of a forward pass of one item, and of those whose weights are
    frozen. With `needed`, without what the heads, which read two class tokens, do not depend on."""
    size = SIZES[size_name]
    width, video, audio = size.width, size.video[0] + 1, size.audio[0] + 1
    linear = lambda tokens, columns=width: 2 * tokens * width * columns

    def block(queries, keys, projected=None):
        """`projected` tokens have keys and values."""
        projected = keys if projected is None else projected
        return 2 * linear(queries) + 2 * linear(projected) + 2 * linear(queries, 4 * width) + 4 * queries * keys * width

    def layer(first, second, exchange):
        """All tokens of both streams; `exchange` more tokens in each."""
        return block(first + exchange, first + exchange) + block(second + exchange, second + exchange)

    def adapters(rows, others):
        return 4 * LATENTS * (others + rows) * width + 4 * rows * width * (width // REDUCTION)

    embedding = sum(2 * tokens * patch * width for tokens, patch in (size.video, size.audio))
    total, frozen = embedding + 2 * 2 * width * size.classes, 0
    upper = size.layers - size.apart
    if family == "early":
        n = video + audio
        total += (size.layers - 1) * block(n, n) + (block(2, n) if needed else block(n, n))
    elif family == "late":
        last = block(1, video) + block(1, audio) if needed else layer(video, audio, 0)
        total += (size.layers - 1) * layer(video, audio, 0) + last
    elif family == "bottleneck":
        n = BOTTLENECKS
        last = block(1, video + n) + block(1, audio + n) if needed else layer(video, audio, n)
        total += size.apart * layer(video, audio, 0) + (upper - 1) * layer(video, audio, n) + last
    elif family == "cross_attention":
        n = video + audio
        last = 2 * block(1, n) if needed else block(video, n) + block(audio, n)
        total += size.apart * layer(video, audio, 0) + (upper - 1) * (block(video, n) + block(audio, n)) + last
    else:
        one = layer(video, audio, 0) + 2 * (adapters(video, audio) + adapters(audio, video))
        total += size.layers * one
        if needed:  # the adapters beside the last MLP read all tokens of the other stream after attention
            unread = video + audio - 2
            total -= 2 * linear(unread, 4 * width) + 4 * LATENTS * unread * width + 4 * unread * width * (width // REDUCTION)
        frozen = size.layers * (video + audio) * 12 * 2 * width * width
    return total, frozen


def training_flops(family, size_name):
    """The products of a forward and a backward pass: gradients of activations, which the embeddings' inputs do not need,
    and of weights that are not frozen."""
    size = SIZES[size_name]
    total, frozen = product_flops(family, size_name)
    return 3 * total - frozen - sum(2 * tokens * patch * size.width for tokens, patch in (size.video, size.audio))


if __name__ == "__main__":
    # models.py FOLDER FAMILY SIZE BATCH inference|training: writes the files and says what one item costs
    target, of_family, of_size, items, mode = sys.argv[1:]
    write_files(pathlib.Path(target), of_family, of_size, int(items), mode == "inference")
    inference = product_flops(of_family, of_size)[0]
    print(json.dumps({"flops": inference if mode == "inference" else training_flops(of_family, of_size),
                      "needed_flops": product_flops(of_family, of_size, needed=True)[0] if mode == "inference" else None}))
