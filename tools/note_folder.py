"""Notes what measured a folder of results, without the paths of this machine.

  python tools/note_folder.py --folder=results/theorems \\
      --command='tools/make_results theorems' --paths=DIR=/data/tfds

What commands.json notes of other commits is of figures that are there no more,
and goes.
"""

import pathlib

from absl import flags

from dlgn_tf.command import cli
from dlgn_tf.errors import UserError
from dlgn_tf.output import files
from dlgn_tf.output import origin


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
    words = dict(pair.partition("=")[::2] for pair in values.paths)
    origin.note_command(folder, values.command)
    commit = origin.here().commit
    for noted in folder.rglob(origin.COMMANDS):
        known = origin.read_commands(noted)
        kept = {k: v for k, v in known.items() if v.commit == commit}
        text = origin.commands_text(kept)
        files.write_atomically(noted, _in_words(text, words))
    for page in folder.rglob("report.md"):
        files.write_atomically(page, _in_words(page.read_text(), words))


def _in_words(text, words):
    """Words for paths, the longest first: one may lie in another."""
    for word, path in sorted(words.items(), key=lambda x: -len(x[1])):
        text = text.replace(f"={path}", f"={word}")
    return text


if __name__ == "__main__":
    define_flags()
    cli.run(main, "tools/note_folder.py", __doc__)
