"""The table of all rows, in a real browser: what a person does with it, and what it never does."""

from __future__ import annotations

import csv
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fiqx_trt.cli.main import main
from fiqx_trt.report.faces_data import Faces
from fiqx_trt.report.html import Facts, Files, Notes, Section, Table
from fiqx_trt.text import unescape_text, visible
from support.browser import Browser, axe_violations, browser
from support.face_pages import faces_of, write_page
from support.nets import noise_faces, save, small_recogniser

HOSTILE = [
    "<img src=x onerror=alert(1)>.png",
    "<|script><script>alert(2)<|script>.png",
    "two\nlines \u202egnp.png",
    "a\"b'c&d;.png",
    "caf\udce9.png",
    "#?%41.png",
]
MANY = 10_000


@dataclass(frozen=True)
class Run:
    """A page and the rows of its table."""

    page: Path
    rows: list[dict[str, str]]

    @property
    def ranked(self) -> list[dict[str, str]]:
        scored = [row for row in self.rows if row["status"] == "ok"]
        return sorted(scored, key=lambda row: float(row["serfiq_scaled"]))


@pytest.fixture(scope="module")
def chromium() -> Browser:
    return browser()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The page of a run of ``score``: forty faces, some called what wants to be something else, and five torn files."""
    folder = tmp_path_factory.mktemp("page")
    crops = folder / "crops"
    crops.mkdir()
    for index, face in enumerate(noise_faces(40)):
        cv2.imwrite(str(crops / f"face-{index:02d}.png"), face[:, :, ::-1] // (8 if index == 3 else 1))
    for index, name in enumerate(HOSTILE):
        shutil.copy(crops / f"face-{index:02d}.png", crops / name)
    for index in range(5):
        (crops / f"torn-{index}.png").write_bytes(b"\x89PNG")
    model = save(small_recogniser(), folder / "small.onnx")
    model.with_suffix(".json").write_text('{"template": "arcface", "alpha": 50.0, "r": 0.74}')
    line = f"score {crops} --aligned --out {folder}/s.csv --page {folder}/page --model {model} --backend onnxruntime -q"
    with pytest.raises(SystemExit) as left:
        main(line.split(" "))
    assert left.value.code == 3
    with (folder / "s.csv").open(newline="", encoding="utf-8") as file:
        rows = [{**row, "path": unescape_text(row["path"])} for row in csv.DictReader(file)]
    return Run(folder / "page" / "report.html", rows)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Faces]:
    """A page of ten thousand rows with a small picture each, and every other part that a page can have."""
    faces = faces_of(MANY)
    table = Table("Numbers.", ("name", "value"), [("a", "1"), ("b", "2")], "A note.")
    parts = [table, Notes(["a note"]), Notes(["a warning"], warning=True), Facts([("name", "value")])]
    rest = [Section("Parts", [*parts, Files([("thumbs/", "small pictures")])])]
    return write_page(tmp_path_factory.mktemp("large"), faces, pictures=300, more=rest), faces


def names(page: Any) -> list[str]:
    return page.locator("#table .file").all_inner_texts()


def told(page: Any) -> str:
    return page.inner_text("#count")


def test_the_worst_stand_first_and_say_why(run: Run, chromium: Browser) -> None:
    wanted = [visible(Path(row["path"]).name) for row in run.ranked]

    def body(page: Any) -> None:
        assert told(page) == "51 rows"
        assert names(page)[:10] == wanted[:10]
        page.select_option("#status", "decode_error")
        assert names(page) == [f"torn-{i}.png" for i in range(5)]
        assert all(page.locator("#table .why").all_inner_texts())
        page.select_option("#status", "")
        page.select_option("#mark", "dark")
        assert "face-03.png" in names(page)
        assert all(
            why.startswith("dark (mean grey ") for why in page.locator("#table .why").all_inner_texts()
        )

    chromium.visit(run.page, body)


def test_names_are_never_more_than_names(run: Run, chromium: Browser) -> None:
    def body(page: Any) -> None:
        for name in HOSTILE:
            page.fill("#find", visible(name).split(".")[0].lower().split()[0])
            assert visible(name) in names(page)
        page.fill("#find", "<img")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        assert page.inner_text("#detail-title") == HOSTILE[0]
        assert page.locator("#table img, #detail-title *, #detail-body script").count() == 0

    chromium.visit(run.page, body)


def test_keys_and_links(run: Run, chromium: Browser) -> None:
    wanted = [visible(Path(row["path"]).name) for row in run.ranked]
    label = run.rows.index(run.ranked[4]) + 1

    def body(page: Any) -> None:
        page.focus("#table")
        for key in ("ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
            page.keyboard.press(key)
        assert page.inner_text("#detail-title") == wanted[1]
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#detail-title") == wanted[2]
        assert page.url.endswith(f"#face-{run.rows.index(run.ranked[2]) + 1}")
        page.keyboard.press("c")
        page.keyboard.press("Escape")
        assert not page.is_visible("#detail")
        page.keyboard.press("End")
        assert page.get_attribute("#table", "aria-activedescendant") == "line-50"
        page.keyboard.press("Home")
        page.keyboard.press("c")
        assert page.inner_text("#detail-title") == f"{wanted[2]} and {wanted[0]}"
        assert page.locator("#detail-body section").count() == 2
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        assert page.is_visible("#help")
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.keyboard.type("face-07")
        assert names(page) == ["face-07.png"]
        page.keyboard.press("Escape")
        assert told(page) == "51 rows"

    chromium.visit(run.page, body)

    def linked(page: Any) -> None:
        assert page.inner_text("#detail-title") == wanted[4]
        values = dict(
            zip(
                page.locator("#detail dt").all_inner_texts(),
                page.locator("#detail dd").all_inner_texts(),
                strict=True,
            )
        )
        assert float(values["serfiq_scaled"]) == pytest.approx(
            float(run.ranked[4]["serfiq_scaled"]), rel=1e-3
        )
        picture = page.locator("#detail .face")
        assert "thumbs/0000.jpg" in picture.evaluate("element => getComputedStyle(element).backgroundImage")

    chromium.visit(run.page, linked, fragment=f"#face-{label}")


def test_ten_thousand_rows(large: tuple[Path, Faces], chromium: Browser) -> None:
    path, faces = large
    scored = np.sort(faces.numbers["serfiq_scaled"][faces.ok])

    def body(page: Any) -> None:
        assert told(page) == "10,000 rows"
        assert page.locator("#table tr").count() < 60
        began = time.monotonic()
        page.click("th >> text=serfiq_scaled")
        assert time.monotonic() - began < 2.0
        first = page.locator("#table tbody tr[data-row] td:nth-child(4)").first
        assert float(first.inner_text()) == pytest.approx(scored[-1], rel=1e-3)
        page.click("th >> text=name")
        assert names(page)[0] == "00/000000.jpg"
        page.evaluate("document.getElementById('table-box').scrollTop = 1e9")
        page.wait_for_selector("#table .file >> text=96/009990.jpg")
        page.fill("#low", "0.25")
        page.fill("#high", "0.5")
        page.keyboard.press("Enter")
        inside = int(((scored >= 0.25) & (scored <= 0.5)).sum())
        assert told(page) == f"{inside:,} of 10,000 rows"
        page.fill("#find", "photos/12/")
        assert told(page) == "0 of 10,000 rows"
        page.fill("#find", "12/ 1")
        assert all(name for name in names(page))
        page.click("#show-all")
        assert told(page) == "10,000 rows"

    chromium.visit(path, body)


def test_a_range_is_dragged_over_the_histogram(large: tuple[Path, Faces], chromium: Browser) -> None:
    path, faces = large
    values = faces.numbers["serfiq_scaled"][faces.ok]
    low, high = values.min(), values.max()

    def body(page: Any) -> None:
        box = page.locator("#histogram").bounding_box()
        for share, action in ((0.25, page.mouse.down), (0.75, page.mouse.up)):
            page.mouse.move(box["x"] + share * box["width"], box["y"] + 30)
            action()
        chosen = [float(page.input_value(name)) for name in ("#low", "#high")]
        assert chosen == pytest.approx([low + share * (high - low) for share in (0.25, 0.75)], abs=2e-3)
        count = int(told(page).split(" of ")[0].replace(",", ""))
        assert count == pytest.approx(int(((values >= chosen[0]) & (values <= chosen[1])).sum()), abs=5)
        page.mouse.click(box["x"] + 100, box["y"] + 30)
        assert told(page) == "10,000 rows"

    chromium.visit(path, body)


def test_a_point_is_a_face(large: tuple[Path, Faces], chromium: Browser) -> None:
    path, faces = large

    def body(page: Any) -> None:
        page.click("text=One number against another")
        page.wait_for_selector("#scatter-ends >> text=9,800 rows")
        page.select_option("#across", "serfiq_scaled")
        page.select_option("#up", "serfiq")  # rises with the other
        box = page.locator("#scatter").bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
        values = dict(
            zip(
                page.locator("#detail dt").all_inner_texts(),
                page.locator("#detail dd").all_inner_texts(),
                strict=True,
            )
        )
        known = faces.numbers["serfiq_scaled"][faces.ok]
        wanted = known.min() + 0.75 * (known.max() - known.min())
        assert float(values["serfiq_scaled"]) == pytest.approx(wanted, abs=0.03)

    chromium.visit(path, body)


def test_narrow_screens_print_and_axe(large: tuple[Path, Faces], chromium: Browser) -> None:
    def body(page: Any) -> None:
        assert axe_violations(page) == []
        page.click("#table tbody tr[data-row]")
        assert axe_violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert axe_violations(page, "color-contrast") == []
        page.keyboard.press("Escape")
        page.set_viewport_size({"width": 400, "height": 800})
        assert axe_violations(page, "color-contrast") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.is_visible("#table .file >> nth=0")
        page.emulate_media(media="print")
        assert not page.is_visible("#all-faces")
        assert page.is_visible("text=Numbers.")

    chromium.visit(large[0], body)


def test_of_a_large_table_a_link_names_the_place_in_the_table(tmp_path: Path, chromium: Browser) -> None:
    faces = replace(faces_of(3), total=1000, rows=np.array([5, 70, 700]))
    path = write_page(tmp_path, faces, pictures=0)

    def body(page: Any) -> None:
        assert page.inner_text("#detail-title") == "01/000001.jpg"
        page.keyboard.press("Escape")
        assert "The table has the 3 worst of 1,000 rows." in page.inner_text("main")

    chromium.visit(path, body, fragment="#face-71")


def test_without_script_the_summary_stands(run: Run, chromium: Browser) -> None:
    def body(page: Any) -> None:
        assert page.inner_text("noscript").startswith("The table of all rows needs JavaScript")
        assert not page.is_visible("#table")
        assert page.locator(".cards li").count() == 10

    chromium.visit(run.page, body, wait=False, java_script_enabled=False)
