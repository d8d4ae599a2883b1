"""What `check` says of the guides: ``python tests/checking/guides_table.py``.

Beside each guides/NAME.py lies NAME.expected.txt, with a line for each finding:
the runtimes it is found on, the line, the level and the rule. ``--update``
writes them anew; read their diff.
"""

from __future__ import annotations

import sys
from pathlib import Path

GUIDES = Path(__file__).resolve().parent / "guides"
RUNTIMES = ("tf1", "tf1_compat", "tf2", "keras3")


def guides():
    """The scripts, in alphabetical order."""
    return sorted(GUIDES.glob("*.py"))


def found(script):
    """The findings in a script on every runtime, as lines of its expected.txt."""
    from unihub.checking import check

    runtimes = {}
    for runtime in RUNTIMES:
        for one in check([script], runtime=runtime).findings:
            key = (one.place.line, one.rule, one.level.value)
            runtimes.setdefault(key, []).append(runtime)
    return [
        f"{line:3} {level:7} {rule:32} {' '.join(dict.fromkeys(runtimes[line, rule, level]))}"
        for line, rule, level in sorted(runtimes)
    ]


def expected_file(script):
    return script.with_name(script.stem + ".expected.txt")


def expected(script):
    return expected_file(script).read_text(encoding="utf-8").splitlines()


def main(update=False):
    as_expected = 0
    for script in guides():
        lines = found(script)
        if update:
            expected_file(script).write_text("".join(f"{x}\n" for x in lines), encoding="utf-8")
        same = lines == expected(script)
        as_expected += same
        print(f"{script.name}: {len(lines)} findings, {'as expected' if same else 'OTHERS'}")
        for line in lines:
            print(f"  {line}")
        for line in expected(script):
            if line not in lines:
                print(f"- {line}")
    print(f"{as_expected} of {len(guides())} scripts as expected")
    return as_expected == len(guides())


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.exit(not main(update="--update" in sys.argv))
