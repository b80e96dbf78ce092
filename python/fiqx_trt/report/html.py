"""One page a person can open, send or archive: structure in, an HTML file out that reaches for nothing outside its folder.

Its content policy forbids the rest: figures are inside, and a page runs no script unless it has the table of all rows
(:class:`fiqx_trt.report.explorer.Explorer`), whose small pictures lie beside it. A page prints well, follows the reader's light
or dark theme, and has the same bytes for the same content. Everything given to it is text: it is escaped, and characters that
cannot be seen or would turn the line around are written as escapes.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.report.elements import Card, Cards, Facts, Figure, Files, Notes, Table
from fiqx_trt.report.explorer import FACES_MARKUP, FACES_STYLE, Explorer, content_hash, faces_script
from fiqx_trt.report.style import STYLE
from fiqx_trt.text import visible

__all__ = [
    "Card",
    "Cards",
    "Facts",
    "Figure",
    "Files",
    "Notes",
    "Page",
    "Part",
    "Section",
    "Table",
]

#: A cell of numbers, intervals and units; columns of such cells are set to the right.
_NUMBER = re.compile(r"[\d\s.,%…\[\]()/–−+e-]*( px)?")
_PNG = b"\x89PNG\r\n\x1a\n"
_KINDS = {_PNG: "png", b"\xff\xd8\xff": "jpeg"}
#: Nothing is fetched, run or submitted, even where a text got through unescaped: style sheet and script are named by their hash.
_POLICY = (
    "default-src 'none'; img-src {pictures}; style-src {style}; {script}base-uri 'none'; form-action 'none'"
)


#: What a section is made of; plain text is a paragraph.
Part: TypeAlias = "str | Notes | Facts | Table | Figure | Files | Cards | Explorer"


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it.

    Parameters
    ----------
    title
        The heading.
    parts
        In order.
    """

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """A report.

    Parameters
    ----------
    kind
        What made it, above the title.
    title
        The heading of the page.
    lead
        The question and, where there is one, the answer, in a few sentences.
    sections
        In order; one without parts is left out.
    foot
        Last line of the page.

    Examples
    --------
    >>> page = Page("demo", "Two & two", "A sum.", [Section("Result", ["4 > 3"])])
    >>> "<h1>Two &amp; two</h1>" in page.html(), "<p>4 &gt; 3</p>" in page.html()
    (True, True)
    """

    kind: str
    title: str
    lead: str
    sections: Sequence[Section]
    foot: str = ""

    def html(self) -> str:
        """Return the page, valid HTML5.

        Raises
        ------
        InvalidInputError
            A row of a table is not as long as its header, a picture is no PNG or has no alternative text, or a file lies
            outside the page's folder.
        """
        shown = [section for section in self.sections if section.parts]
        return "\n".join([*_head(self), *_contents(shown), *_Body().sections(shown), *_end(self)]) + "\n"

    @property
    def explorer(self) -> Explorer | None:
        """The table of all rows, where the page has one."""
        parts = (part for section in self.sections for part in section.parts)
        return next((part for part in parts if isinstance(part, Explorer)), None)


def _text(text: str) -> str:
    return html.escape(visible(text), quote=True)


def _address(path: str) -> str:
    """Return the relative address of a file beside the page; its bytes, whatever they are, percent-encoded."""
    if path.startswith("/") or ".." in path.split("/") or not path:
        raise InvalidInputError(f"{visible(path)!r} lies outside the page's folder; give a path below it")
    try:
        return quote(path.encode("utf-8", "surrogateescape"), safe="/")
    except UnicodeEncodeError:
        raise InvalidInputError(f"no file can be called {visible(path)!r}; give the name of one") from None


def _link(path: str, words: str = "") -> str:
    return f'<a href="{_address(path)}">{_text(words or path)}</a>'


def _head(page: Page) -> list[str]:
    explored = page.explorer is not None
    style = f"\n{STYLE}{FACES_STYLE if explored else ''}"
    policy = _POLICY.format(
        pictures="'self' data:" if explored else "data:",
        style=content_hash(style),
        script=f"script-src {content_hash(faces_script())}; " if explored else "",
    )
    return [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{_text(page.title)} – {_text(page.kind)}</title>",
        '<link rel="icon" href="data:,">',
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        "<header>",
        f'<p class="kind">{_text(page.kind)}</p>',
        f"<h1>{_text(page.title)}</h1>",
        f'<p class="lead">{_text(page.lead)}</p>',
        "</header>",
    ]


def _contents(sections: Sequence[Section]) -> Iterator[str]:
    if len(sections) < 3:
        return
    yield '<nav aria-label="Contents">\n<ul>'
    for number, section in enumerate(sections, 1):
        yield f'<li><a href="#part-{number}">{_text(section.title)}</a></li>'
    yield "</ul>\n</nav>"


def _end(page: Page) -> list[str]:
    foot = [f"<footer>\n<p>{_text(page.foot)}</p>\n</footer>"] if page.foot else []
    script = [f"<script>{faces_script()}</script>"] if page.explorer is not None else []
    return [*foot, *script, "</body>", "</html>"]


@dataclass
class _Body:
    """Writes the sections, counting figures and tables."""

    figures: int = field(default=0)
    tables: int = field(default=0)

    def sections(self, sections: Sequence[Section]) -> Iterator[str]:
        yield "<main>"
        for number, section in enumerate(sections, 1):
            yield f'<section aria-labelledby="part-{number}">'
            yield f'<h2 id="part-{number}">{_text(section.title)}</h2>'
            yield from map(self.part, section.parts)
            yield "</section>"
        yield "</main>"

    def part(self, part: Part) -> str:
        if isinstance(part, str):
            return f"<p>{_text(part)}</p>"
        if isinstance(part, Table):
            return self.table(part)
        if isinstance(part, Figure):
            return self.figure(part)
        if isinstance(part, Notes):
            return _list([_text(item) for item in part.items], "warning" if part.warning else "notes")
        if isinstance(part, Facts):
            rows = "\n".join(f"<div><dt>{_text(k)}</dt><dd>{_text(v)}</dd></div>" for k, v in part.rows)
            return f"<dl>\n{rows}\n</dl>"
        if isinstance(part, Cards):
            return _list(list(map(_card, part.cards)), "cards small" if part.small else "cards")
        if isinstance(part, Explorer):
            return f'{FACES_MARKUP}<script type="application/json" id="rows">\n{part.json()}\n</script>'
        rows_ = [f"{_link(path)}<span> – {_text(words)}</span>" for path, words in part.rows]
        return _list(rows_, "files")

    def table(self, table: Table) -> str:
        if any(len(row) != len(table.header) for row in table.rows):
            raise InvalidInputError(
                f"a row of the table {table.caption!r} has not {len(table.header)} cells; give one per heading"
            )
        self.tables += 1
        columns = [[row[i] for row in table.rows] for i in range(len(table.header))]
        kinds = [' class="number"' if all(map(_NUMBER.fullmatch, cells)) else "" for cells in columns]
        head = "".join(
            f'<th scope="col"{kind}>{_text(name)}</th>' if name else "<td></td>"
            for name, kind in zip(table.header, kinds, strict=True)
        )
        body = "\n".join(_row(row, kinds) for row in table.rows)
        note = f'\n<p class="note">{_text(table.note)}</p>' if table.note else ""
        return (
            f'<div class="wide" role="group" tabindex="0" aria-label="Table {self.tables}">\n<table>\n'
            f"<caption><b>Table {self.tables}.</b> {_text(table.caption)}</caption>\n"
            f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>{note}"
        )

    def figure(self, figure: Figure) -> str:
        if figure.png[:8] != _PNG or not figure.alt:
            raise InvalidInputError(
                f"the figure {figure.caption!r} is no PNG file or has no alternative text; give both"
            )
        self.figures += 1
        wide, high = (int.from_bytes(figure.png[at : at + 4], "big") for at in (16, 20))
        width = figure.width or wide
        kind = ' class="themed"' if figure.dark else ""
        picture = (
            f'<img{kind} src="{_png_address(figure.png)}" alt="{_text(figure.alt)}" '
            f'width="{width}" height="{round(high * width / wide)}">'
        )
        if figure.dark:
            dark = f'<source media="screen and (prefers-color-scheme: dark)" srcset="{_png_address(figure.dark)}">'
            picture = f"<picture>{dark}{picture}</picture>"
        reading = (
            f'\n<p class="reading"><b>How to read it.</b> {_text(figure.reading)}</p>'
            if figure.reading
            else ""
        )
        links = " · ".join(f"{_kind_of(path)}: {_link(path)}" for path in figure.files)
        files = f'\n<p class="beside">{links}</p>' if links else ""
        return (
            f'<figure>\n<div class="wide" role="group" tabindex="0" aria-label="Figure {self.figures}">{picture}</div>\n'
            f"<figcaption>\n<p><b>Figure {self.figures}.</b> {_text(figure.caption)}</p>{reading}{files}\n"
            "</figcaption>\n</figure>"
        )


def _png_address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _kind_of(path: str) -> str:
    suffix = path.rsplit(".", 1)[-1]
    return {"png": "full size", "svg": "SVG", "pdf": "PDF"}.get(suffix, "data")


def _row(row: Sequence[str], kinds: Sequence[str]) -> str:
    first = f'<th scope="row"{kinds[0]}>{_text(row[0])}</th>'
    rest = "".join(f"<td{kind}>{_text(cell)}</td>" for cell, kind in zip(row[1:], kinds[1:], strict=True))
    return f"<tr>{first}{rest}</tr>"


def _card(card: Card) -> str:
    picture = ""
    if card.image:
        kind = next((kind for magic, kind in _KINDS.items() if card.image.startswith(magic)), None)
        if kind is None or not card.alt:
            raise InvalidInputError(
                f"the picture of {card.title!r} is no PNG or JPEG file or has no alternative text; give both"
            )
        data, (width, height) = base64.b64encode(card.image).decode(), card.size
        picture = f'<img src="data:image/{kind};base64,{data}" alt="{_text(card.alt)}" width="{width}" height="{height}">'
    lines = "".join(f"<p>{_text(line)}</p>" for line in card.lines if line)
    links = " · ".join(_link(path, words) for path, words in card.files)
    return f"{picture}<p><b>{_text(card.title)}</b></p>{lines}" + (f"<p>{links}</p>" if links else "")


def _list(items: Sequence[str], kind: str) -> str:
    return "\n".join([f'<ul class="{kind}">', *(f"<li>{item}</li>" for item in items), "</ul>"])
