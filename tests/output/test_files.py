"""Writing files."""

import os
import stat

import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.output import files


def test_a_failed_write_leaves_nothing_of_its_own(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        files.write_atomically(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert not list((tmp_path / "taken").iterdir())


@pytest.mark.parametrize("below", ["x", "folder/x", "folder/folder/x"])
def test_a_file_in_place_of_a_folder_is_named(below, tmp_path):
    (tmp_path / "taken").write_text("")
    path = tmp_path / "taken" / below
    with pytest.raises(UserError, match="Received: .*/taken is a file$"):
        with files.write_errors(path):
            files.write_atomically(path, "text")


@pytest.mark.parametrize("link", [False, True])
def test_a_pipe_is_not_replaced(link, tmp_path):
    """Nor is a device; root may replace /dev/null by a file."""
    pipe, path = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    (path.symlink_to if link else path.hardlink_to)(pipe)
    with pytest.raises(UserError, match="Received: no regular file"):
        with files.write_errors(path):
            files.write_atomically(path, "text")
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert path.is_symlink() == link


@pytest.mark.parametrize("name", [".", "a", "a/..", "a/b/."])
def test_a_folder_is_not_replaced(name, tmp_path, monkeypatch):
    """Some have no name that another one could lie beside."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        files.write_atomically(name, "text")
    assert len(list(tmp_path.rglob("*"))) == 2


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda x: x.symlink_to("/dev/zero")]
)
def test_what_has_no_end_has_no_digest(make, tmp_path):
    """A part of a checkpoint may be anything that lies there."""
    make(tmp_path / "part")
    with pytest.raises(OSError, match="no regular file"):
        files.sha256(tmp_path / "part")


def test_names_of_no_encoding_are_written(tmp_path):
    files.write_atomically(tmp_path / "page", "a \udcff")
    assert (tmp_path / "page").read_bytes() == b"a \\udcff"
