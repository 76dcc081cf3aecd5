"""Files are written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from spacy_cmner.data.files import replacing, write_text


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    write_text(path, "old\r\n")
    with pytest.raises(ZeroDivisionError), replacing(path) as draft:
        draft.write_text("half")
        _ = 1 / 0
    assert path.read_bytes() == b"old\r\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_with_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with pytest.raises(OSError, match="No space left") as caught, replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(path)
    assert not path.exists()


def test_an_error_of_another_file_is_said_with_its_name(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "out.txt") as draft:
        draft.write_bytes(source.read_bytes())
    assert caught.value.filename == str(source)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_said_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "out"
    (path / "deep").mkdir(parents=True)
    with pytest.raises(OSError) as caught:
        write_text(path, "new")
    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == [path] and (path / "deep").is_dir()


def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    path, link = tmp_path / "deep" / "out.txt", tmp_path / "link"
    write_text(path, "old")
    link.symlink_to(path)
    write_text(link, "新\n")
    assert link.is_symlink()
    assert path.read_bytes() == "新\n".encode()


def test_a_device_is_written_to_itself() -> None:
    write_text(Path(os.devnull), "lost")
    assert not Path(os.devnull).is_file()


def test_a_folder_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with replacing(path) as draft:
        draft.mkdir()
        (draft / "weights").write_bytes(b"1")
        assert not path.exists()
    assert [file.name for file in path.iterdir()] == ["weights"]
    assert list(tmp_path.iterdir()) == [path]
