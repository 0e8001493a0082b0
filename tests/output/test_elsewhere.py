"""Files from elsewhere are looked at before they are believed."""

import json
import os
import struct
import zipfile

import pytest

from dlgn_tf.output import elsewhere

NOT_FILES = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": lambda path: path.mkdir(),
    "loop": lambda path: path.symlink_to(path.name),
    "nothing": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("make", NOT_FILES.values(), ids=NOT_FILES)
def test_what_is_no_file_is_not_read(make, tmp_path):
    """A pipe would be waited for, and a device has no end."""
    path = tmp_path / "x"
    make(path)
    for read in (elsewhere.read_text, elsewhere.read_csv, elsewhere.regular):
        with pytest.raises(OSError):
            read(path)
    with pytest.raises(OSError), elsewhere.archive(path):
        pass
    assert elsewhere.read_json(path) is None
    assert not elsewhere.is_archive(path)


def test_a_file_too_large_is_not_read(tmp_path):
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(OSError, match="File too large"):
        elsewhere.read_text(path)


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        ({"a": 1}, {"a": int}, None),
        ({"a": True}, {"a": int}, "True for 'a'"),
        ({"a": True}, {"a": bool | None}, None),
        ({"a": None}, {"a": bool | None}, None),
        ({}, {"a": int}, "nothing for 'a'"),
        ({}, {"a": elsewhere.Optional(int)}, None),
        ({"a": 1}, {"a": elsewhere.Optional(int)}, None),
        ({"a": "x"}, {"a": elsewhere.Optional(int)}, "'x' for 'a'"),
        ({"a": 1}, {"b": int, "a": elsewhere.Optional(int)}, "nothing for 'b'"),
        ([], {"a": int}, r"\[\] for 'all'"),
        ({"a": 2**64}, {"a": int}, "for 'a'"),
        ({"a": 2**64 - 1, "b": "x"}, {"a": int}, None),
        ({"a": {"b": 1}, "c": {"b": "x"}}, {str: {"b": int}}, "'x' for 'b'"),
        ({"a": 1, "b": "x"}, {"a": int, str: str}, None),
        ({"a": "x", "b": "x"}, {"a": int, str: str}, "'x' for 'a'"),
        ({"a": 1, "b": 2}, {"a": int, str: str}, "2 for 'b'"),
        ({"b": "x"}, {"a": int, str: str}, "nothing for 'a'"),
        ([{"a": 1.5}, {"a": "x"}], [{"a": float}], "'x' for 'a'"),
        ({"a": [1, 2.5]}, {"a": [int | float]}, None),
        ({"a": [1, "x"]}, {"a": [int | float]}, "'x' for 'a'"),
        ({"a": [1, [2]]}, {"a": [object]}, None),
    ],
)
def test_kinds_of_json(content, kind, said):
    text = json.dumps(content)
    if said is None:
        assert elsewhere.parse_json(text, kind) == content
        return
    with pytest.raises(ValueError, match=said):
        elsewhere.parse_json(text, kind)


@pytest.mark.parametrize("text", ["[" * 10**5, '{"a":' * 10**5, "9" * 5000])
def test_json_without_end(text):
    with pytest.raises(ValueError):
        elsewhere.parse_json(text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("\ufeffa;b\n1,5;2\n", [{"a": "1.5", "b": "2"}]),
        ("a,b\n", []),
        ("a,b\n1\n", None),
        ("a,b\n1,2,3\n", None),
        ('a,b\n"1,2\n', None),
        (f"a,b\n1,{'x' * 10**6}\n", None),
        ("a,b\n1,\x002\n3", None),
    ],
)
def test_csv(text, rows, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(text)
    if rows is not None:
        assert elsewhere.read_csv(path, ",;") == rows
        return
    with pytest.raises(ValueError):
        elsewhere.read_csv(path, ",;")


def encrypted(data):
    data[data.find(b"PK\x01\x02") + 8] |= 1


def a_bomb(data):
    struct.pack_into("<I", data, data.find(b"PK\x01\x02") + 24, 2**31)


def cut(data):
    del data[-30:]


@pytest.mark.parametrize("spoil", [encrypted, a_bomb, cut])
def test_archives(spoil, tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "text")
    with elsewhere.archive(path) as archive:
        assert archive.read("a") == b"text"
    data = bytearray(path.read_bytes())
    spoil(data)
    path.write_bytes(data)
    with pytest.raises(zipfile.BadZipFile), elsewhere.archive(path):
        pass


def test_archives_of_more_than_the_memory(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a", bytes(5000))
    sizes = {"SC_PHYS_PAGES": 1, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(elsewhere.os, "sysconf", sizes.get)
    with pytest.raises(zipfile.BadZipFile, match="^5,000 bytes in a file of"):
        with elsewhere.archive(tmp_path / "x.zip"):
            pass


def test_archive_of_a_link(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        entry = zipfile.ZipInfo("a")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(zipfile.BadZipFile, match="a is a link"):
        with elsewhere.archive(tmp_path / "x.zip"):
            pass


def test_what_raises_while_it_is_read(tmp_path):
    """Of damage that shows only then."""
    zipfile.ZipFile(tmp_path / "x.npz", "w").close()
    with pytest.raises(zipfile.BadZipFile, match="^no such member"):
        with elsewhere.archive(tmp_path / "x.npz"):
            raise EOFError("no such member")
