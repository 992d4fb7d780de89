"""The file by which the reader in Rust is tested: texts, their tokens by the
teacher's tokenizer, and their vectors by numpy.

`python fixture.py MODEL` says whether the file fits a model; with `--write`
it is written anew for it. The texts stay those that the file has.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from teacher import folder, tensors
from tokens import student_tokens

FIXTURE = Path(__file__).parents[2] / "tests" / "embedding.json"
TOLERANCE = 1e-4


def vector(model, tokens):
    """The mean of the tokens' rows, normalised; zeros for none."""
    rows = model["embeddings"][tokens].astype(np.float64)
    summed = (rows * model["weights"][tokens][:, None]).sum(0)
    length = np.linalg.norm(summed)
    return summed / length if length > 0 else summed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    model = tensors(arguments.model)
    before = json.loads(FIXTURE.read_text())
    tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    texts = [one["text"] for one in before]
    now = [
        {"text": text, "tokens": tokens,
         "vector": [round(float(one), 6) for one in vector(model, tokens)]}
        for text, tokens in zip(texts, student_tokens(tokenizer, texts))
    ]
    if arguments.write:
        lines = ",\n".join(json.dumps(one) for one in now)
        FIXTURE.write_text(f"[\n{lines}\n]\n")
        return
    for one, other in zip(before, now):
        apart = np.abs(np.subtract(one["vector"], other["vector"])).max()
        if one["tokens"] != other["tokens"] or apart > TOLERANCE:
            sys.exit(f"{one['text']!r}: {one['tokens']} and "
                     f"{other['tokens']}, {apart} apart")
    sys.stdout.write(f"{len(now)} texts fit\n")


if __name__ == "__main__":
    main()
