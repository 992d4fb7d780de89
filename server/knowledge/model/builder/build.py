"""Builds the model: `python build.py FOLDER`, see README.md."""

import os

# Sums of floating point numbers depend on their order. One thread, and one
# way to multiply matrices on every x86-64 processor with AVX2, make the same
# model of the same texts everywhere. They count only if they are set before
# numpy is loaded.
os.environ.update({
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX "
                                "AVX512_CNL AVX512_ICL AVX512_SPR",
    "TOKENIZERS_PARALLELISM": "false",
})

import argparse  # noqa: E402
import hashlib  # noqa: E402
import sys  # noqa: E402
import warnings  # noqa: E402
from pathlib import Path  # noqa: E402

# A processor without AVX-512 is told that there is nothing to leave out.
warnings.filterwarnings("ignore", message=".*NPY_DISABLE_CPU_FEATURES.*")

import numpy as np  # noqa: E402

import corpus  # noqa: E402
import distil  # noqa: E402
from distil import say  # noqa: E402
from teacher import Teacher  # noqa: E402
from tokens import student_tokens  # noqa: E402
from vectors import vectors, vectors_of_tokens  # noqa: E402

NAME = "static-128-int8.safetensors"
# Texts that are not learnt from, to see what was learnt.
HELD_OUT = 2048


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path,
                        help="where packages, vectors and the model go")
    parser.add_argument("--limit", type=int,
                        help="so many texts only, to try whether it runs")
    arguments = parser.parse_args()
    build = arguments.folder
    build.mkdir(parents=True, exist_ok=True)

    say("Collecting the texts")
    texts = corpus.collect(build, arguments.limit)
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    say(f"  {len(texts)} texts, sha256 {digest}")

    say("Asking the teacher")
    teacher = Teacher()
    wanted = vectors(teacher, texts, build)
    single = vectors_of_tokens(teacher, build)

    say("Training the student")
    ids = student_tokens(teacher.tokenizer, texts)
    # A text without a token that counts has no vector.
    there = [nth for nth, of in enumerate(ids) if of]
    held_out = min(HELD_OUT, len(there) // 10)
    apart, learnt = there[:held_out], there[held_out:]
    directions = distil.principal(wanted[learnt])
    targets = distil.unit(wanted @ directions)
    own = distil.Texts([ids[nth] for nth in learnt])
    test = distil.Texts([ids[nth] for nth in apart])
    counts = np.bincount(own.tokens, minlength=len(single))

    def told(what, rows):
        found = distil.figures(
            distil.student(rows, test), wanted[apart], targets[apart])
        say(f"  {what}: "
            + ", ".join(f"{name} {of:.4f}" for name, of in found.items()))

    rows = distil.learn(single, directions, counts, own, wanted[learnt],
                        targets[learnt], told)
    embeddings, scales = distil.bytes_by_row(rows)
    told("in bytes", embeddings * scales[:, None])
    path = build / NAME
    distil.write(path, embeddings, scales)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    sys.stdout.write(f"{digest}  {path}\n")


if __name__ == "__main__":
    main()
