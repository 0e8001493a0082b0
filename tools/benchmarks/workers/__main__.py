"""Runs a module's job: `python -m benchmarks.workers MODULE WORD ...`

`job(*words)` returns a turn, a function whose result JSON can say.
It is called at once, and then for each line that comes in; each result goes out
as a line. Needs Python alone.
"""

import importlib
import json
import os
import sys


def main(module, *words):
    # What a library prints is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    turn = importlib.import_module(f"benchmarks.workers.{module}").job(*words)
    print(json.dumps(turn()), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(turn()), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
