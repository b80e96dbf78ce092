"""What is installed and passed on: the module's instructions, the source distribution, licences, citation and extras."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tarfile
import types
from pathlib import Path

import pytest
import yaml
from scikit_build_core import build as backend

from fiqx_trt import __version__, _core

tomllib = pytest.importorskip("tomllib")  # since Python 3.11

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DEVELOPMENT = {"test", "bench", "dev", "docs"}


def normal(requirement: str) -> str:
    """The name of a requirement as package indexes write it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


@pytest.fixture(scope="module")
def module() -> types.ModuleType:
    path = ROOT / "scripts" / "wheels" / "module.py"
    spec = importlib.util.spec_from_file_location("wheel_module", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # its dataclass asks for it
    spec.loader.exec_module(loaded)
    return loaded


def test_the_module_runs_on_every_x86_64(module: types.ModuleType) -> None:
    assert module.faults_of(Path(_core.__file__)) == []


@pytest.mark.parametrize(
    ("flags", "fault"),
    [(["-mavx2"], "holds AVX instructions and is called without a choice"), ([], "holds no AVX code")],
)
def test_a_module_for_one_processor_is_found(
    module: types.ModuleType, tmp_path: Path, flags: list[str], fault: str
) -> None:
    source = """
        __attribute__((noinline)) static void add(float* x) { for (int i = 0; i < 64; ++i) x[i] += 1.f; }
        extern "C" void twice(float* x) { add(x); add(x); }
    """
    (tmp_path / "one.cpp").write_text(source)
    built = tmp_path / "one.so"
    line = ["g++", "-O3", *flags, "-shared", "-fPIC", "-s", tmp_path / "one.cpp", "-o", built]
    subprocess.run(line, check=True)
    (told,) = module.faults_of(built)
    assert fault in told


def test_the_source_distribution_holds_what_a_build_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with tarfile.open(tmp_path / backend.build_sdist(str(tmp_path))) as packed:
        held = {name.split("/", 1)[1] for name in packed.getnames()}
    single = ["CMakeLists.txt", "LICENSE", "README.md", "THIRD_PARTY_LICENSES.md", "pyproject.toml"]
    assert set(single) <= held
    folders = ["cmake", "cpp/include", "cpp/src", "onnx_export", "python"]
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    sources += (ROOT / "cuda").glob("*.cu*")
    made = {".so", ".pyc"}
    linked = "python/fiqx_trt/onnx_export/"  # of the in-place layout
    names = {str(path.relative_to(ROOT)) for path in sources if path.suffix not in made}
    assert held - {"PKG-INFO", "CITATION.cff", *single} == {
        name for name in names if not name.startswith(linked)
    }


def test_the_citation_is_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited["cff-version"], cited["type"]) == ("1.2.0", "software")
    assert (cited["title"], cited["version"], cited["license"]) == (
        "fiqx_trt",
        PROJECT["version"],
        PROJECT["license"],
    )
    assert PROJECT["version"] == __version__
    titles = [reference["title"] for reference in cited["references"]]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(titles) == 2
    for title in titles:
        assert title[:25] in readme


@pytest.fixture(scope="module")
def licences() -> list[list[str]]:
    """The cells of every row of every table."""
    text = (ROOT / "THIRD_PARTY_LICENSES.md").read_text(encoding="utf-8")
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|"]


def test_every_requirement_has_its_licence(licences: list[list[str]]) -> None:
    told = {row[0]: (row[1], row[2].split(", ")) for row in licences if len(row) == 5}
    wanted = [("always", name) for name in PROJECT["dependencies"]]
    wanted += [(extra, name) for extra in set(EXTRAS) - DEVELOPMENT for name in EXTRAS[extra]]
    for extra, requirement in wanted:
        name = normal(requirement)
        if name == "fiqx-trt":
            continue
        assert name in told, f"run scripts/third_party_licences.py: {name} is new"
        licence, extras = told[name]
        assert licence
        assert extra in extras or "always" in extras, f"run scripts/third_party_licences.py: {name}"


def test_every_model_has_its_licences(licences: list[list[str]]) -> None:
    known = json.loads((ROOT / "python/fiqx_trt/zoo/table.json").read_text(encoding="utf-8"))["models"]
    told = {tuple(row[:3]) for row in licences if len(row) == 4}
    for model in known:
        assert (model["name"], model["licence_code"], model["licence_weights"]) in told


def test_what_is_compiled_in_has_its_text() -> None:
    text = (ROOT / "THIRD_PARTY_LICENSES.md").read_text(encoding="utf-8")
    written = (ROOT / "scripts/third_party_licences.md").read_text(encoding="utf-8")
    for part in re.split(r"\{\w+\}\n", written):
        assert part in text, "run scripts/third_party_licences.py"
    assert "Copyright (c) 2016 Wenzel Jakob" in text
    assert "Redistributions in binary form must reproduce the above copyright notice" in text


def test_the_readme_tells_of_every_extra() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `([\w]+)` \| (.+?) \| (.+?) \|$", readme.split("## Extras")[1], flags=re.MULTILINE
    )
    assert {name for name, *_ in rows} == set(EXTRAS) - DEVELOPMENT
    for extra, brought, _ in rows:
        names = {normal(name) for name in EXTRAS[extra]}
        assert {normal(name) for name in re.findall(r"`([^`]+)`", brought)} == names


def test_the_classifiers_name_the_supported_pythons() -> None:
    named = re.findall(r"Python :: 3\.(\d+)", "\n".join(PROJECT["classifiers"]))
    assert PROJECT["requires-python"] == f">=3.{min(map(int, named))}"
    assert [int(minor) for minor in named] == list(range(int(named[0]), int(named[-1]) + 1))


INSTRUCTION = re.compile(r"^([A-Z]+) (.*)$")


@pytest.fixture(scope="module")
def container() -> list[tuple[str, str]]:
    """The instructions of the Containerfile, each in one line."""
    joined = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", "")
    found = [INSTRUCTION.match(line) for line in joined.splitlines() if line and not line.startswith("#")]
    assert None not in found
    return [(match[1], match[2]) for match in found if match]


def test_the_container_copies_what_a_build_reads(container: list[tuple[str, str]]) -> None:
    copied = {
        name
        for kind, text in container
        if kind == "COPY" and "--from" not in text
        for name in text.split()[:-1]
    }
    assert all((ROOT / name).exists() for name in copied)
    cmake = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    folders = {*re.findall(r"^\s+(\w+)/[\w/.]+$", cmake, flags=re.MULTILINE), "cmake", "onnx_export"}
    files = {"CMakeLists.txt", "pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]}
    assert copied == folders | files


def test_the_container_is_small_and_not_root(container: list[tuple[str, str]]) -> None:
    last = max(index for index, (kind, _) in enumerate(container) if kind == "FROM")
    build, final = container[:last], dict(container[last:])
    assert final["USER"] == "fiqx"
    assert final["VOLUME"] in final["ENV"].split("FIQX_CACHE_DIR=")[1].split()
    assert json.loads(final["HEALTHCHECK"].split("CMD ")[1])[:2] == ["fiqx-trt", "doctor"]
    assert json.loads(final["ENTRYPOINT"]) == ["fiqx-trt"]
    assert "g++" not in final["RUN"]
    for kind, text in container:
        if kind == "RUN":
            subprocess.run(["bash", "-n", "-c", text], check=True)
            assert text.count("pip install") == text.count("--no-cache-dir")
            assert text.count("apt-get update") == text.count("rm -rf /var/lib/apt/lists/*")
    extras = dict(text.split("=") for kind, text in build if kind == "ARG")["EXTRAS"]
    assert set(extras.split(",")) <= set(EXTRAS)
