"""The teacher's vectors, kept in the build directory."""

import hashlib
import sys

import numpy as np

# Texts whose vectors are kept in one file.
PART = 4096


def vectors(teacher, texts, build):
    """The vectors of texts; those that were computed before are read."""
    folder = build / "vectors"
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for start in range(0, len(texts), PART):
        part = texts[start:start + PART]
        digest = hashlib.sha256("\n".join(part).encode()).hexdigest()
        path = folder / f"{digest[:24]}.npy"
        if not path.exists():
            of_part = teacher.vectors(teacher.encode(part))
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as file:
                np.save(file, of_part)
            unfinished.rename(path)
        found.append(np.load(path))
        done = start + len(part)
        print(f"  {done} of {len(texts)} texts", file=sys.stderr, flush=True)
    return np.concatenate(found)


def vectors_of_tokens(teacher, build):
    """The teacher's vectors of each token of its vocabulary alone."""
    path = build / "vectors" / "tokens.npy"
    if not path.exists():
        number = teacher.tokenizer.token_to_id
        first, last = number("[CLS]"), number("[SEP]")
        ids = [[first, nth, last] for nth in range(len(teacher.tokens))]
        np.save(path, teacher.vectors(ids))
    return np.load(path)
