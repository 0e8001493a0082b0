"""Notes what measured a folder of results, without the paths of this machine.

  python tools/note_folder.py --folder=results/theorems \\
      --command='tools/make_results theorems' --paths=DIR=/data/tfds

What commands.json notes of other commits is of figures that are there no more,
and goes.
"""

import dataclasses
import pathlib

from dlgn_tf.command import cli, fields
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError
from dlgn_tf.output import files, origin


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    folder: str | None = flag(
        None, "The folder that was measured.", path=True, required="DIR"
    )
    command: str | None = flag(None, "What measured it.", required="COMMAND")
    paths: tuple[str, ...] = flag(
        (), "Comma-separated WORD=PATH: what stands for which path."
    )


def run(command):
    folder = pathlib.Path(command.folder)
    if not folder.is_dir():
        raise UserError(
            "Expected --folder=DIR that is there. Received: "
            f"--folder={command.folder}"
        )
    words = dict(pair.partition("=")[::2] for pair in command.paths)
    origin.note_command(folder, command.command)
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
    cli.run(run, "tools/note_folder.py", __doc__, Command)
