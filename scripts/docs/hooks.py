"""What the documentation site is made of beside ``docs/``: other files of the repository, and the reference of the commands.

MkDocs calls the functions by their names.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from cli_page import cli_page
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from models_page import models_page

ROOT = Path(__file__).resolve().parents[2]

#: Pages that are files of the repository, and where they stand in the site.
FILES = {
    "results.md": "benchmarks/RESULTS.md",
    "changes.md": "CHANGELOG.md",
    "architecture.md": "ARCHITECTURE.md",
    "contributing.md": "CONTRIBUTING.md",
    "licences.md": "THIRD_PARTY_LICENSES.md",
}
#: ``<!-- README: Heading -->`` in a page stands for that section of the README.
SECTION = re.compile(r"^<!-- README: (.+) -->$", flags=re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\((?!https?:|mailto:)([\w./-]+)(#[\w-]+)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made at build time."""
    for page, source in FILES.items():
        text = links_of_site((ROOT / source).read_text(encoding="utf-8"), Path(source).parent, page)
        files.append(File.generated(config, page, content=text))
    files.append(File.generated(config, "reference/cli.md", content=cli_page()))
    files.append(File.generated(config, "reference/models.md", content=models_page()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put sections of the README in their places, and point links at other files of the repository nowhere."""
    place = page.file.src_uri
    with_sections = SECTION.sub(
        lambda found: links_of_site(readme_section(found[1]), Path(), place), markdown
    )
    return links_of_site(with_sections, Path("docs") / Path(place).parent, place)


def on_post_page(output: str, **_: Any) -> str:
    """Name the dialog of the search, which the theme leaves without a name for screen readers."""
    return output.replace(
        'data-md-component="search" role="dialog"',
        'data-md-component="search" role="dialog" aria-label="Search"',
    )


def readme_section(heading: str) -> str:
    """Return the text below a heading of the README, up to the next heading of its level."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE)
    if found is None:
        raise PluginError(f"README.md has no section {heading!r}, which a page of docs/ shows")
    return found[1].strip()


def links_of_site(text: str, folder: Path, page: str) -> str:
    """Point links between files of the repository at the pages they have become; a file without a page loses its link.

    Parameters
    ----------
    text
        Markdown.
    folder
        Folder of the repository that the links of the text start from.
    page
        Place of the page in the site.
    """
    places = {"README.md": "index.md", **{source: place for place, source in FILES.items()}}

    def moved(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder.as_posix(), found[2]))
        place = target.removeprefix("docs/") if target.startswith("docs/") else places.get(target)
        if place is not None:
            return f"[{found[1]}]({'../' * page.count('/')}{place}{found[3] or ''})"
        return found[1] if (ROOT / target).exists() else found[0]

    return LINK.sub(moved, text)
