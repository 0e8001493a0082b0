"""Notes what measured a folder of results, without the paths of this machine.

  python tools/note_folder.py --folder=results/theorems \\
      --command='tools/make_results theorems' --paths=DIR=/data/tfds

What commands.json notes of other commits is of figures that are there no more,
and goes.
"""

import json
import pathlib

from absl import flags

from dlgn_tf import cli
from dlgn_tf import files
from dlgn_tf import origin
from dlgn_tf.errors import UserError


def define_flags():
    flags.DEFINE_string("folder", None, "The folder that was measured.")
    flags.DEFINE_string("command", None, "What measured it.")
    flags.DEFINE_list(
        "paths", [], "Comma-separated WORD=PATH: what stands for which path."
    )


def main():
    values = flags.FLAGS
    folder = pathlib.Path(values.folder or "")
    if not values.folder or not folder.is_dir() or not values.command:
        raise UserError(
            "Expected --folder=DIR that is there and --command. Received: "
            f"--folder={values.folder}, --command={values.command}"
        )
    origin.note_command(folder, values.command)
    for noted in folder.rglob(origin.COMMANDS):
        known = json.loads(noted.read_text())
        commit = origin.here().commit
        kept = {k: v for k, v in known.items() if v["commit"] == commit}
        files.write_atomically(noted, json.dumps(kept, indent=1) + "\n")
    for page in (*folder.rglob(origin.COMMANDS), *folder.rglob("report.md")):
        text = page.read_text()
        # The longest first: one may lie in another.
        for pair in sorted(values.paths, key=len, reverse=True):
            word, _, path = pair.partition("=")
            text = text.replace(f"={path}", f"={word}") if path else text
        files.write_atomically(page, text)


if __name__ == "__main__":
    define_flags()
    cli.run(main, "tools/note_folder.py", __doc__)
