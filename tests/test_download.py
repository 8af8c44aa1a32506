"""Downloads from a server on this machine: whole, cut short, wrong, refused; and where there is no network."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from engine import data_folder, download
from engine.data import cifar100, mnist, names
from engine.download import fetch
from engine.errors import DataError
from tests.test_cifar100 import small_cifar100

BODY = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Gives `files` by path; of those in `cut` only the first half; counts what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.silent: set[str] = set()
        self.release = threading.Event()
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.server.asked.append(name)
        if name in self.server.silent:
            self.server.release.wait(30)
        if name not in self.server.files:
            self.send_error(404)
            return
        body = self.server.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if name in self.server.cut else body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are silent."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "DLTUI_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.release.set()
        running.shutdown()
        thread.join()


def test_a_file_arrives_whole_with_progress_on_stderr(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["f.bin"] = BODY
    fetch(server.url + "f.bin", tmp_path / "new" / "f.bin", sha256=SHA256)
    assert (tmp_path / "new" / "f.bin").read_bytes() == BODY
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["f.bin"]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "f.bin" in printed.err


@pytest.mark.parametrize("digest", [{"sha256": "0" * 64}, {"md5": "0" * 32}])
def test_a_wrong_digest_keeps_nothing(server: Server, tmp_path: Path, digest: dict[str, str]) -> None:
    server.files["f.bin"] = BODY
    found = download.digest_of(BODY, sha256=digest.get("sha256", ""))
    with pytest.raises(DataError, match=rf"is {found}, expected 0{{32}}") as caught:
        fetch(server.url + "f.bin", tmp_path / "f.bin", **digest)
    assert server.url in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_body_cut_short_keeps_nothing_and_says_how_much_came(server: Server, tmp_path: Path) -> None:
    server.files["f.bin"] = BODY
    server.cut.add("f.bin")
    with pytest.raises(DataError, match=r"after 128,000 of 256,000 bytes"):
        fetch(server.url + "f.bin", tmp_path / "f.bin", sha256=SHA256)
    assert list(tmp_path.iterdir()) == []
    server.cut.clear()
    fetch(server.url + "f.bin", tmp_path / "f.bin", sha256=SHA256)
    assert (tmp_path / "f.bin").read_bytes() == BODY


def test_a_refusal_and_a_closed_port_name_file_folder_and_address(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"404 Not Found") as caught:
        fetch(server.url + "f.bin", tmp_path / "f.bin", sha256=SHA256, otherwise="try another")
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint.endswith("or try another")
    with pytest.raises(DataError, match=r"f\.bin is not in .* cannot be fetched from http://127\.0\.0\.1:1/"):
        fetch("http://127.0.0.1:1/f.bin", tmp_path / "f.bin", sha256=SHA256)


def test_a_silent_server_is_given_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.2)
    server.silent.add("f.bin")
    with pytest.raises(DataError, match="timed out"):
        fetch(server.url + "f.bin", tmp_path / "f.bin", sha256=SHA256)


def test_what_a_killed_download_left_is_written_over(server: Server, tmp_path: Path) -> None:
    server.files["f.bin"] = BODY
    (tmp_path / "f.bin.partial").write_bytes(b"x" * 999_999)
    fetch(server.url + "f.bin", tmp_path / "f.bin", sha256=SHA256)
    assert (tmp_path / "f.bin").read_bytes() == BODY
    assert [p.name for p in tmp_path.iterdir()] == ["f.bin"]


def test_of_two_at_once_one_downloads_and_both_have_it(server: Server, tmp_path: Path) -> None:
    server.files["f.bin"] = BODY
    failed: list[BaseException] = []

    def download_it() -> None:
        try:
            fetch(server.url + "f.bin", tmp_path / "f.bin", sha256=SHA256)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=download_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert server.asked == ["f.bin"]
    assert [p.name for p in tmp_path.iterdir()] == ["f.bin"]
    assert (tmp_path / "f.bin").read_bytes() == BODY


def test_a_folder_that_cannot_be_made_says_what_to_set(server: Server, tmp_path: Path) -> None:
    server.files["f.bin"] = BODY
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match="cannot write") as caught:
        fetch(server.url + "f.bin", tmp_path / "file" / "f.bin", sha256=SHA256)
    assert "DLTUI_DATA" in caught.value.hint


def test_the_network_can_be_switched_off(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLTUI_OFFLINE", "1")
    server.files["f.bin"] = BODY
    with pytest.raises(DataError, match="DLTUI_OFFLINE"):
        fetch(server.url + "f.bin", tmp_path / "f.bin", sha256=SHA256)
    assert server.asked == []


# ----------------------------------------------------------------------------------------------------------- data sets


def test_names_without_file_or_network_say_everything_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLTUI_OFFLINE", "1")
    with pytest.raises(DataError, match=r"names_train\.csv\.gz") as caught:
        names.load(tmp_path)
    said = str(caught.value)
    address = "https://raw.githubusercontent.com/hunkim/PyTorchZeroToAll/master/data/names_train.csv.gz"
    for part in (str(tmp_path / "names"), address, "names-demo"):
        assert part in said


def test_names_are_downloaded_and_read(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = {
        "names_train.csv.gz": gzip.compress(b'"Abel","Czech"\n"Bo","Irish"\n'),
        "names_test.csv.gz": gzip.compress(b'"Ae","Irish"\n'),
    }
    server.files.update(packed)
    monkeypatch.setattr(names, "ADDRESS", server.url)
    monkeypatch.setattr(names, "SHA256", {n: hashlib.sha256(c).hexdigest() for n, c in packed.items()})
    assert len(names.load(tmp_path).splits["train"]) == 2
    assert sorted(server.asked) == ["names_test.csv.gz", "names_train.csv.gz"]
    names.load(tmp_path)
    assert len(server.asked) == 2, "what is there is not downloaded again"


def test_a_damaged_file_names_itself_and_both_digests(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLTUI_OFFLINE", "1")
    (tmp_path / "names").mkdir()
    content = (real_data / "names" / "names_train.csv.gz").read_bytes()
    (tmp_path / "names" / "names_train.csv.gz").write_bytes(content[:999] + b"\0" + content[1000:])
    with pytest.raises(
        DataError, match=r"names_train\.csv\.gz is damaged: its SHA-256 is .*, expected 49b4bf41"
    ) as caught:
        names.load(tmp_path)
    assert "delete it and run again" in caught.value.hint


def test_mnist_files_of_the_wrong_size_or_kind_are_refused(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLTUI_OFFLINE", "1")
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for relative in mnist.FILES:
        (raw / Path(relative).name).symlink_to(real_data / relative)
    labels = raw / "t10k-labels-idx1-ubyte"
    content = labels.read_bytes()
    labels.unlink()
    for damaged, says in (
        (content[:-1], r"size is 10,007, expected 10,008 bytes"),
        (b"\1" + content[1:], "header is 01"),
        (content[:-1] + b"\x0a", "largest label is 10, expected 9"),
    ):
        labels.write_bytes(damaged)
        with pytest.raises(DataError, match=says):
            mnist.load(tmp_path)
    labels.unlink()
    (raw / f"{labels.name}.gz").write_bytes(gzip.compress(content[:-1] + b"\x08"))
    with pytest.raises(DataError, match=r"gz is damaged: its MD5 is .*, expected 27ae3e4e"):
        mnist.load(tmp_path)
    (raw / f"{labels.name}.gz").write_bytes(b"<html>log in</html>")
    with pytest.raises(DataError, match="cannot be read"):
        mnist.load(tmp_path)


def test_the_cifar_archive_is_downloaded_and_only_its_own_files_unpacked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = small_cifar100(tmp_path / "source")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(tmp_path / "source" / "cifar-100-python", "cifar-100-python")
        for name in ("../evil", "/tmp/evil-absolute", "cifar-100-python/more"):
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
    server.files["c.tar.gz"] = packed.getvalue()
    md5 = hashlib.md5(packed.getvalue(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(cifar100, "ARCHIVE", replace(archive, url=server.url + "c.tar.gz", md5=md5))
    data = tmp_path / "deep" / "data"
    dataset = cifar100.load(data)
    assert dataset.splits["train"].inputs.dtype == np.uint8
    assert sorted(p.name for p in (data / "cifar-100-python").iterdir()) == ["meta", "test", "train"]
    assert not (tmp_path / "deep" / "evil").exists()
    assert not Path("/tmp/evil-absolute").exists()
    assert server.asked == ["c.tar.gz"]


def test_a_link_in_the_cifar_archive_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = small_cifar100(tmp_path / "source")
    data = tmp_path / "data"
    data.mkdir()
    with tarfile.open(data / "cifar-100-python.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("cifar-100-python/train")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    monkeypatch.setattr(cifar100, "ARCHIVE", archive)
    with pytest.raises(DataError, match=r"tar\.gz"):
        cifar100.load(data)
    assert not (data / "cifar-100-python").exists()


def test_a_damaged_cifar_file_names_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar100, "ARCHIVE", small_cifar100(tmp_path))
    (tmp_path / "cifar-100-python" / "test").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"cifar-100-python/test is damaged: its MD5 is"):
        cifar100.load(tmp_path)


# --------------------------------------------------------------------------------------------------------- data folder


def test_the_data_folder_is_the_variables_the_settings_or_the_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DLTUI_DATA", raising=False)
    assert data_folder.data_root() == Path(os.environ["XDG_CACHE_HOME"]) / "dltui" / "data"
    assert data_folder.data_root("~/sets") == Path("~/sets").expanduser()
    monkeypatch.setenv("DLTUI_DATA", str(tmp_path))
    assert data_folder.data_root("/elsewhere") == tmp_path


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_data_folder_says_what_to_set(server: Server, tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(DataError, match="cannot write"):
        fetch(server.url + "f.bin", tmp_path / "f.bin", sha256=SHA256)
