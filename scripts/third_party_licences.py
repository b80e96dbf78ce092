"""Write THIRD_PARTY_LICENSES.md: what the package holds, installs and downloads, and under which licences.

pip resolves the dependencies and every extra without installing them, and the packages' own metadata tell their licences.
Licence texts in packages that are installed here are searched for GNU licences that the metadata do not mention. Versions are
left out.

    python scripts/third_party_licences.py
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import tomllib

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "THIRD_PARTY_LICENSES.md"
#: Extras for development install nothing that a user's program needs.
LEFT_OUT = ("test", "bench", "dev", "docs")
#: What pip cannot resolve on a machine without NVIDIA's own registry.
STATED = {
    "tensorrt": ("NVIDIA proprietary (SLA of TensorRT)", "https://developer.nvidia.com/tensorrt"),
    "pycuda": ("MIT", "https://documen.tician.de/pycuda"),
}
#: What neither metadata nor licence files tell.
REMARKS = {"pillow_heif": "its wheels hold x265 under the GNU General Public License"}
COPYLEFT = re.compile(r"\b(?:[AL]?GPL|MPL|EPL|CDDL|EUPL)\b|Mozilla Public|General Public", re.IGNORECASE)
COPYLEFT_TEXT = re.compile(r"GNU\s+((?:LESSER|LIBRARY|AFFERO)\s+)?GENERAL\s+PUBLIC\s+LICENSE")
PROPRIETARY = re.compile(r"proprietary", re.IGNORECASE)
#: License fields that hold a whole text: its name is taken from the classifiers.
LONGEST_NAME = 60

Package = dict[str, Any]


def requirements() -> dict[str, list[str]]:
    """Return what each extra requires; the name of the base is empty. References to own extras are followed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]

    def whole(names: list[str]) -> list[str]:
        own = [re.fullmatch(r"fiqx-trt\[(.+)\]", name) for name in names]
        inner = [extra for match in own if match for extra in match[1].split(",")]
        outer = [name for name, match in zip(names, own, strict=True) if not match]
        return outer + [name for extra in inner for name in whole(extras[extra])]

    found = {"": list(project["dependencies"])}
    return found | {extra: whole(names) for extra, names in extras.items() if extra not in LEFT_OUT}


def resolved(names: list[str]) -> list[Package]:
    """Return the metadata of what pip would install into an empty environment."""
    if STATED.keys() & {re.split(r"[^\w-]", name)[0] for name in names}:
        return []
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        options = ["--dry-run", "--ignore-installed", "--quiet", "--report", report.name]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, *names], check=True)
        return [item["metadata"] for item in json.load(report)["install"]]


def licence_of(package: Package) -> str:
    """Return a licence as the metadata name it: the expression, a short name, or the classifiers."""
    if package.get("license_expression"):
        return str(package["license_expression"])
    classifiers = [line for line in package.get("classifier", []) if line.startswith("License :: ")]
    stated = str(package.get("license") or "").strip()
    if stated and len(stated) <= LONGEST_NAME and "\n" not in stated:
        return stated.removeprefix("OSI Approved :: ")
    return ", ".join(line.rsplit(" :: ", 1)[-1] for line in classifiers) or "not stated"


def home_of(package: Package) -> str:
    """Return where a package is kept: its first address, or none."""
    addresses = [line.split(",", 1)[-1].strip() for line in package.get("project_url", [])]
    return str(package.get("home_page") or next(iter(addresses), ""))


def remark_of(name: str, licence: str) -> str:
    """Return what a reader should look at: a copyleft or proprietary licence, of the package or of a text in it."""
    if PROPRIETARY.search(licence):
        return "**proprietary**"
    if COPYLEFT.search(licence):
        return "**copyleft**"
    if name in REMARKS:
        return REMARKS[name]
    texts = sorted({" ".join(match.split()).title().removeprefix("Gnu ") for match in texts_in(name)})
    return f"holds parts under the GNU {' and the GNU '.join(texts)}" if texts else ""


def texts_in(name: str) -> list[str]:
    """Return the names of the GNU licences in the licence files of an installed package; none if it is not installed."""
    try:
        files = importlib.metadata.distribution(name).files or []
    except importlib.metadata.PackageNotFoundError:
        return []
    told = [file for file in files if re.search(r"LICEN[CS]E|COPYING|NOTICE", file.name, re.IGNORECASE)]
    text = "\n".join(Path(str(file.locate())).read_text(errors="replace") for file in told)
    return [match[0] for match in COPYLEFT_TEXT.finditer(text)]


def table(rows: list[tuple[str, ...]], *head: str) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in [head, ("---",) * len(head), *rows]]


def packages_table() -> list[str]:
    """Return the table of packages, by name: each with the extras that install it."""
    packages: dict[str, Package] = {}
    extras: dict[str, list[str]] = defaultdict(list)
    wanted = requirements()
    base: set[str] = set()
    for extra, names in wanted.items():
        found = {re.sub(r"[-_.]+", "-", str(item["name"])).lower(): item for item in resolved(names)}
        base = base or set(found)
        packages |= found
        for name in found:
            if not extra or name not in base:
                extras[name].append(extra or "always")
    rows = []
    for name, package in sorted(packages.items()):
        licence = licence_of(package)
        rows.append(
            (name, licence, ", ".join(extras[name]), home_of(package), remark_of(package["name"], licence))
        )
    rows += [
        (name, licence, "tensorrt", home, remark_of(name, licence))
        for name, (licence, home) in STATED.items()
    ]
    return table(sorted(rows), "package", "licence", "installed by", "where", "remark")


def models_table() -> list[str]:
    """Return the table of known models: licences of code and weights."""
    known = json.loads((ROOT / "python/fiqx_trt/zoo/table.json").read_text(encoding="utf-8"))["models"]
    rows = []
    for model in known:
        source = next(iter(model["sources"]), {})
        where = source.get("url") or next((f"{kind}: {name}" for kind, name in source.items()), "")
        rows.append((model["name"], model["licence_code"], model["licence_weights"], where))
    return table(rows, "model", "code", "weights", "where")


def main() -> None:
    text = (Path(__file__).parent / "third_party_licences.md").read_text(encoding="utf-8")
    text = text.replace("{packages}\n", "\n".join(packages_table()) + "\n")
    OUT.write_text(text.replace("{models}\n", "\n".join(models_table()) + "\n"), encoding="utf-8")


if __name__ == "__main__":
    main()
