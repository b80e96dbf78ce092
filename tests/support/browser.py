"""Real pages in a real browser: the system's Chromium, driven by Playwright in a thread of its own.

Playwright keeps an event loop running in its thread, which would be in the way of every other test that starts one.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED = "FIQX_REQUIRE_BROWSER"


def browser_path() -> str | None:
    """Return the browser of this machine, if it has one and Playwright can drive it."""
    driven = importlib.util.find_spec("playwright") and importlib.util.find_spec("axe_playwright_python")
    return next(filter(None, map(shutil.which, NAMES)), None) if driven else None


@lru_cache(maxsize=1)
def browser() -> Browser:
    """Return the browser of this process; skip the test where there is none, or fail with FIQX_REQUIRE_BROWSER=1."""
    path = browser_path()
    if path is None:
        (pytest.fail if os.environ.get(REQUIRED) == "1" else pytest.skip)(
            "no Chromium, or no Playwright to drive it"
        )
    return Browser(path)


def close_browser() -> None:
    """Close the browser of this process, if a test opened it."""
    if browser.cache_info().currsize:
        browser().close()


class Browser:
    """An open browser."""

    def __init__(self, path: str) -> None:
        self._thread = ThreadPoolExecutor(1, "browser")
        self._thread.submit(self._open, path).result()

    def visit(
        self, file: Path, body: Callable[[Any], Any], *, fragment: str = "", wait: bool = True, **context: Any
    ) -> Any:
        """Open a page, do something with it, and return what came of it.

        No error may be written to the console, and nothing outside the page's folder may be asked for.
        """
        return self._thread.submit(self._visit, file, body, fragment, wait, context).result()

    def close(self) -> None:
        self._thread.submit(self._close).result()

    def _open(self, path: str) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=path, args=["--disable-gpu"])

    def _close(self) -> None:
        self._browser.close()
        self._playwright.stop()

    def _visit(
        self, file: Path, body: Callable[[Any], Any], fragment: str, wait: bool, context: dict[str, Any]
    ) -> Any:
        opened = self._browser.new_context(viewport={"width": 1200, "height": 900}, **context)
        try:
            page, told, asked = opened.new_page(), [], []
            page.set_default_timeout(10_000)
            page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
            page.on("pageerror", lambda error: told.append(str(error)))
            page.on("requestfailed", lambda request: told.append(f"failed: {request.url}"))
            page.on("dialog", lambda dialog: told.append(f"dialog: {dialog.message}"))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(file.resolve().as_uri() + fragment)
            if wait:
                page.wait_for_selector("html[data-ready=yes]", state="attached")
            result = body(page)
            beside = file.resolve().parent.as_uri() + "/"
            assert told == []
            assert [url for url in asked if not url.startswith((beside, "data:"))] == []
            return result
        finally:
            opened.close()


def axe_violations(page: Any, *rules: str) -> list[str]:
    """Return what axe finds wrong with a page, by some of its rules or by all."""
    from axe_playwright_python.sync_playwright import Axe

    options: dict[str, Any] = {"resultTypes": ["violations"]}
    found = (
        Axe()
        .run(page, options={**options, "runOnly": list(rules)} if rules else options)
        .response["violations"]
    )
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
