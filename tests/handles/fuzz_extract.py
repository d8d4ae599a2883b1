"""Many altered archives, by hand: `python tests/handles/fuzz_extract.py [SECONDS] [SEED]`.

Counts what became of them. Anything but UnihubError, and anything outside the folder, ends it.
"""

from __future__ import annotations

import collections
import gzip
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from handles import tars
from handles.archive.test_extract import PARENTS, Yard, flipped

from unihub.errors import UnihubError


def outcome(yard, archive):
    try:
        yard.extract(archive)
    except UnihubError as error:
        return error.code
    return "extracted"


def altered(rng, archive):
    """An archive with some bytes changed, cut, doubled, or swapped for another's."""
    content = bytearray(archive)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at, length = rng.randrange(len(content)), rng.choice((1, 2, 8, 100, 512))
        piece = rng.choice(PARENTS)
        start = rng.randrange(len(piece))
        content[at : at + rng.choice((0, length))] = rng.choice(
            (
                bytes([rng.randrange(256)]),
                content[at : at + length],
                piece[start : start + length],
                b"",
                b"\xff" * length,
            )
        )
        content = content or bytearray(b"\0")
    return bytes(content)


def flips_and_cuts(yard):
    """Every bit and every cut of one small .tar.gz."""
    tar = tars.model_tar()
    whole = tars.compressed(tar)
    found = collections.Counter()
    for bit in range(8 * len(whole)):
        archive = flipped(whole, bit)
        if outcome(yard, archive) != "extracted":
            found["caught"] += 1
        elif gzip.decompress(archive) == tar:
            found["same content, in the header" if bit < 80 else "same content, in the data"] += 1
        else:
            found["MISSED"] += 1
    cuts = collections.Counter(outcome(yard, whole[:cut]) for cut in range(len(whole)))
    return found, cuts


def main(seconds=30.0, seed=1):
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as path:
        yard = Yard(Path(path))
        flips, cuts = flips_and_cuts(yard)
        print(f"every bit of a .tar.gz flipped: {dict(flips)}")
        print(f"every cut of a .tar.gz: {dict(cuts)}")
        rng = random.Random(seed)
        found = collections.Counter()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            archive = altered(rng, rng.choice(PARENTS))
            if rng.random() < 0.3:
                archive = tars.compressed(archive)
            found[outcome(yard, archive)] += 1
        print(f"{sum(found.values())} altered archives: {dict(found)}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:3]))
