"""The student: a row of numbers a token; a text's vector is their mean.

It learns to give texts the directions that the teacher gives them, reduced
to its own number of dimensions.
"""

import json
import sys

import numpy as np

DIMENSIONS = 128
SEED = 20240607
# More of them only bring the student nearer to the teacher on texts like those
# that it learns from: questions in other words are then answered worse.
EPOCHS = 8
BATCH = 1024
RATE = 0.004
# How much the order of a batch's texts by likeness counts beside the
# direction itself, and how sharply likenesses are told apart.
CONTRAST = 10.0
SHARPNESS = 12.0
# Frequent tokens begin short: `a / (a + frequency)`, Arora et al., 2017.
FREQUENT = 1e-3
# How much what the teacher says of a token alone counts beside its row.
ALONE = 0.15
# Of the linear map that makes rows of the teacher's vectors: its ridge, and
# from how many times on a token counts no more.
RIDGE, ENOUGH = 1.0, 20


def principal(vectors):
    """The directions in which the vectors are longest, the longest first.

    They are not centred, so that the cosines stay what they are.
    """
    square = vectors.T.astype(np.float64) @ vectors.astype(np.float64)
    _, directions = np.linalg.eigh(square)
    directions = directions[:, ::-1][:, :DIMENSIONS]
    # The sign of a direction is arbitrary: let its greatest number be
    # positive.
    greatest = np.abs(directions).argmax(0)
    signs = np.sign(directions[greatest, np.arange(DIMENSIONS)])
    return (directions * signs).astype(np.float32)


def unit(vectors):
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)


class Texts:
    """The tokens of texts, one behind the other."""

    def __init__(self, ids):
        self.lengths = np.array([len(of) for of in ids])
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.tokens = np.concatenate([np.array(of, int) for of in ids])

    def batch(self, members):
        """The tokens of some texts, and where each text begins."""
        lengths = self.lengths[members]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        places = np.arange(lengths.sum())
        places += np.repeat(self.starts[members] - starts, lengths)
        return self.tokens[places], starts, lengths


def sums(rows, tokens, starts):
    return np.add.reduceat(rows[tokens], starts, axis=0)


def student(rows, texts):
    """The student's vectors of all texts."""
    found = []
    for start in range(0, len(texts.lengths), BATCH):
        members = np.arange(start, min(start + BATCH, len(texts.lengths)))
        tokens, starts, _ = texts.batch(members)
        found.append(unit(sums(rows, tokens, starts)))
    return np.concatenate(found)


def shares(likeness):
    """What a row of likenesses gives to each of its texts; 1 together."""
    likeness = likeness * np.float32(SHARPNESS)
    likeness -= likeness.max(1, keepdims=True)
    np.exp(likeness, out=likeness)
    likeness /= likeness.sum(1, keepdims=True)
    return likeness


def begin(single, directions, counts):
    """The rows before training: the teacher's vectors of single tokens."""
    rows = unit(single @ directions)
    frequency = counts / max(1, counts.sum())
    rows *= (FREQUENT / (FREQUENT + frequency))[:, None]
    return rows.astype(np.float32)


class Adam:
    """Adam of which only the rows that a batch has are moved."""

    def __init__(self, rows):
        self.rows = rows
        self.mean = np.zeros_like(rows)
        self.square = np.zeros_like(rows)
        self.steps = np.zeros(len(rows), np.float32)

    def step(self, which, change, rate):
        self.steps[which] += 1
        steps = self.steps[which][:, None]
        mean = self.mean[which]
        mean += np.float32(0.1) * (change - mean)
        square = self.square[which]
        square += np.float32(0.001) * (change * change - square)
        self.mean[which], self.square[which] = mean, square
        mean /= 1 - np.float32(0.9) ** steps
        square /= 1 - np.float32(0.999) ** steps
        np.sqrt(square, out=square)
        square += np.float32(1e-8)
        self.rows[which] -= np.float32(rate) * mean / square


def train(rows, texts, teacher, targets, told):
    """Moves the rows until the student's vectors are near the targets."""
    random = np.random.Generator(np.random.PCG64(SEED))
    adam = Adam(rows)
    count = len(texts.lengths)
    size = min(BATCH, count)
    steps, step = EPOCHS * (count // size), 0
    for epoch in range(EPOCHS):
        members = random.permutation(count)
        for start in range(0, count - size + 1, size):
            batch = members[start:start + size]
            tokens, starts, lengths = texts.batch(batch)
            summed = sums(rows, tokens, starts)
            length = np.linalg.norm(summed, axis=1, keepdims=True)
            length = np.maximum(length, 1e-6)
            own = summed / length
            target = targets[batch]
            # Of the cosine, and of the cross entropy of the likenesses.
            change = -target
            wanted = shares(teacher[batch] @ teacher[batch].T)
            given = shares(own @ target.T)
            change += np.float32(CONTRAST) * ((given - wanted) @ target)
            # Through the normalisation, to the rows.
            change -= (change * own).sum(1, keepdims=True) * own
            change /= length
            change /= size
            by_token = np.argsort(tokens, kind="stable")
            ordered = tokens[by_token]
            begins = np.flatnonzero(np.diff(ordered, prepend=-1))
            of_text = np.repeat(np.arange(size), lengths)[by_token]
            total = np.add.reduceat(change[of_text], begins, axis=0)
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            adam.step(ordered[begins], total, rate)
            step += 1
        told(f"epoch {epoch + 1}", rows)
    return rows


def mapped(rows, counts, single):
    """Rows of all tokens as a linear map makes them of the teacher's vectors
    of single tokens, fitted to the rows of those that texts have."""
    weight = np.minimum(counts, ENOUGH).astype(np.float64)[:, None]
    known = single.astype(np.float64)
    square = (known * weight).T @ known + RIDGE * np.eye(known.shape[1])
    there = np.linalg.solve(square, (known * weight).T @ rows)
    return (known @ there).astype(np.float32)


def learn(single, directions, counts, texts, teacher, targets, told):
    """The rows of the student.

    A row that was trained also holds what is peculiar to the texts that its
    token was seen in. What the teacher says of the token alone does not: a
    part of it is added, which also gives rows to tokens that no text has.
    """
    rows = begin(single, directions, counts)
    rows[counts == 0] = 0
    train(rows, texts, teacher, targets, told)
    there = mapped(rows, counts, single)
    rows[counts == 0] = there[counts == 0]
    rows += np.float32(ALONE) * there
    return rows


def bytes_by_row(rows):
    """Whole numbers from -127 to 127, and the scale of each row."""
    scales = np.abs(rows).max(1) / np.float32(127)
    scales = np.maximum(scales, np.float32(1e-12)).astype(np.float32)
    return np.rint(rows / scales[:, None]).astype(np.int8), scales


def write(path, embeddings, scales):
    """Writes both as safetensors."""
    header = json.dumps({
        "weights": {
            "dtype": "F32", "shape": list(scales.shape),
            "data_offsets": [0, scales.nbytes],
        },
        "embeddings": {
            "dtype": "I8", "shape": list(embeddings.shape),
            "data_offsets": [
                scales.nbytes, scales.nbytes + embeddings.nbytes],
        },
    }, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(
        len(header).to_bytes(8, "little") + header
        + scales.astype("<f4").tobytes() + embeddings.tobytes()
    )


def figures(own, teacher, targets=None):
    """How the student's vectors agree with the teacher's.

    The cosine to the targets; how the cosines of pairs correlate; and how
    many of the teacher's ten nearest are among the student's ten.
    """
    found = {}
    if targets is not None:
        found["cosine"] = float((own * targets).sum(1).mean())
    mine, theirs = own @ own.T, teacher @ teacher.T
    pairs = np.triu_indices(len(own), 1)
    found["pairs"] = float(np.corrcoef(mine[pairs], theirs[pairs])[0, 1])
    for likeness in (mine, theirs):
        np.fill_diagonal(likeness, -2)
    nearest = np.argsort(-theirs, 1, kind="stable")[:, :10]
    among = np.argsort(-mine, 1, kind="stable")[:, :10]
    shared = [len(set(a) & set(b)) for a, b in zip(nearest, among)]
    found["nearest"] = float(np.mean(shared) / 10)
    return found


def say(text):
    print(text, file=sys.stderr, flush=True)
