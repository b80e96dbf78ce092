"""Pages of many rows in Chromium, beside a page without them, and what a page costs a run of ``score``.

``python -m pytest benchmarks/bench_pages.py --benchmark-enable -s`` measures; a normal test run opens a small page once.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import pytest

from fiqx_trt.models.probe import probe_faces
from fiqx_trt.report.html import Card, Cards, Page, Section
from fiqx_trt.report.parts import save_page
from support.browser import browser
from support.face_pages import faces_of, write_page

#: Milliseconds until the frame after a click, or after loading, is drawn.
SORT = """async (name) => {
  const button = [...document.querySelectorAll("#table th button")].find((one) => one.textContent === name);
  const began = performance.now();
  button.click();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - began;
}"""
OPEN = """async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now();
}"""


#: Crops that are scored with and without a page.
CROPS = 2000


@pytest.fixture(scope="module")
def measuring(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("benchmark_enable"))


def size_of(folder: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in folder.rglob(pattern))


@pytest.mark.benchmark(group="pages: open")
@pytest.mark.parametrize("rows", [0, 10_000, 100_000])
def bench_open(benchmark, measuring: bool, tmp_path: Path, rows: int) -> None:
    """The baseline, 0 rows, is a page without the table: 24 pictures of faces and maps, as pages of ``plq`` had."""
    if not measuring and rows:
        pytest.skip("tests/report opens pages with rows")
    path = static_page(tmp_path) if not rows else write_page(tmp_path, faces_of(rows), pictures=rows)

    def opened() -> list[float]:
        def body(page: Any) -> list[float]:
            shown = page.evaluate(OPEN)
            names = ("serfiq_scaled", "name", "serfiq") if rows else ()
            return [shown, *(page.evaluate(SORT, name) for name in names)]

        return browser().visit(path, body, wait=bool(rows))

    times = [opened() for _ in range(5 if measuring else 1)]
    benchmark.pedantic(opened, rounds=1)
    page, pictures = path.stat().st_size, size_of(tmp_path, "*.jpg")
    print(
        f"\n{rows} rows: open, sort by quality, by name, by number: {[round(median(t)) for t in zip(*times, strict=True)]} ms; "
        f"page {page / 1e6:.2f} MB, pictures {pictures / 1e6:.1f} MB in {len(list(tmp_path.rglob('*.jpg')))} files"
    )


def static_page(folder: Path) -> Path:
    panels = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (260, 372, 3), np.uint8), (9, 9), 0)
    image = cv2.imencode(".jpg", panels)[1].tobytes()
    cards = [Card("quality 0.5", ("a.jpg",), image, (372, 260), "a face") for _ in range(24)]
    return save_page(Page("kind", "24 faces", "A lead.", [Section("Faces", [Cards(cards)])]), folder)


@pytest.mark.benchmark(group="pages: score")
def bench_score_with_page(benchmark, measuring: bool, tmp_path: Path) -> None:
    """The baseline is the same run without a page: ≥ 0.97 of its speed, by processor time, pair by pair."""
    if not measuring:
        pytest.skip("takes minutes")
    crops = tmp_path / "crops"
    crops.mkdir()
    for index, face in enumerate(probe_faces((112, 112), count=CROPS)):
        cv2.imwrite(str(crops / f"{index:04d}.jpg"), face[:, :, ::-1])
    plain = [
        *["-m", "fiqx_trt", "score", "--aligned", "--overwrite"],
        str(crops),
        "--out",
        str(tmp_path / "s.csv"),
    ]
    runs: list[Callable[[], float]] = [
        lambda: processor_time(plain),
        lambda: processor_time([*plain, "--page", str(tmp_path / "page")]),
    ]
    [run() for run in runs]
    pairs = [(runs[0](), runs[1]()) for _ in range(5)]
    benchmark.pedantic(runs[1], rounds=1)
    ratios = sorted(without / with_page for without, with_page in pairs)
    print(
        f"\nscore, {CROPS} crops: CPU s without and with a page {[tuple(round(t, 2) for t in pair) for pair in pairs]}; "
        f"speed with it {ratios[0]:.3f}, {median(ratios):.3f}, {ratios[-1]:.3f}; "
        f"pictures {size_of(tmp_path / 'page', '*.jpg') / 1e6:.1f} MB"
    )
    assert median(ratios) > 0.9


def processor_time(arguments: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, env=os.environ, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
