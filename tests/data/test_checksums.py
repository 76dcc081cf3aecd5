import hashlib

import pytest

from spacy_cmner.data.checksums import verify_checksums, write_checksums
from spacy_cmner.errors import CmnerError


@pytest.fixture
def folder(tmp_path):
    lines = []
    for name, separator in [("a.txt", "  "), ("b c.txt", " *")]:
        (tmp_path / name).write_bytes(name.encode())
        lines.append(hashlib.sha256(name.encode()).hexdigest() + separator + name)
    (tmp_path / "SUMS").write_text("\n".join([*lines, ""]))
    return tmp_path


def test_unchanged(folder):
    assert verify_checksums(folder, folder / "SUMS") == ["a.txt", "b c.txt"]


def test_a_list_is_written_as_sha256sum_does(folder):
    names = ["a.txt", "b c.txt"]
    write_checksums(folder, names, folder / "NEW")
    lines = (folder / "SUMS").read_text().replace(" *", "  ")
    assert (folder / "NEW").read_text() == lines
    assert verify_checksums(folder, folder / "NEW") == names


def test_all_wrong_files_are_named(folder):
    (folder / "a.txt").write_text("changed")
    (folder / "b c.txt").unlink()
    with pytest.raises(CmnerError, match=r"CM110.*a\.txt is another file.*b c\.txt is missing"):
        verify_checksums(folder, folder / "SUMS")


def test_a_list_without_files_verifies_nothing(folder):
    (folder / "SUMS").write_text("\n")
    with pytest.raises(CmnerError, match=r"CM117.*SUMS"):
        verify_checksums(folder, folder / "SUMS")


def test_missing_list(folder):
    with pytest.raises(CmnerError, match=r"CM101.*none"):
        verify_checksums(folder, folder / "none")


def test_unreadable_list(folder):
    (folder / "SUMS").write_text("abc  a.txt\n")
    with pytest.raises(CmnerError, match=r"CM111.*line 1"):
        verify_checksums(folder, folder / "SUMS")
