"""Writing files."""

import pytest

from dlgn_tf import files
from dlgn_tf.errors import UserError


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
