"""The style sheet of all pages: wide and narrow screens, light and dark themes, print."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """\
:root { color-scheme: light dark; --ink: #1d2126; --soft: #5a636e; --line: #d9dde2; --paper: #fff; --panel: #f5f6f8;
  --link: #0b5cad; --mark: #b45309; --tint: #fff7e8; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e7ea; --soft: #a3acb6; --line: #363c43; --paper: #15181b; --panel: #1e2226;
    --link: #7db8f2; --mark: #f0a844; --tint: #2a2317; }
  img { filter: brightness(.88); }
  figure img.themed { filter: none; background: var(--paper); }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .2rem 0 .9rem; text-wrap: balance; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.75rem 0 .9rem; padding-top: .9rem; border-top: 1px solid var(--line);
  scroll-margin-top: .5rem; }
p, ul { max-width: 46rem; }
a { color: var(--link); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.kind { margin: 0; color: var(--soft); font-size: .9rem; letter-spacing: .02em; }
.lead { font-size: 1.12rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.3rem; margin: 1.4rem 0 0; padding: 0;
  max-width: none; font-size: .93rem; }
.notes, .warning, .files { padding-left: 1.2rem; }
.notes li, .warning li, .files li { margin: .35rem 0; }
.warning { max-width: 48rem; padding: .55rem 1rem .55rem 2rem; border-left: 4px solid var(--mark); background: var(--tint);
  border-radius: 0 6px 6px 0; }
.wide { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; margin: 1rem 0 .4rem; font-size: .95rem; }
caption { text-align: left; padding-bottom: .5rem; }
th, td { text-align: left; vertical-align: top; padding: .38rem 1.1rem .38rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: break-word; }
td, th[scope=row] { max-width: 34rem; }
thead th { min-width: 4.6rem; vertical-align: bottom; border-bottom-color: var(--soft); font-size: .88rem; color: var(--soft); }
tbody th { font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead .number { white-space: normal; }
.note, .beside { font-size: .88rem; color: var(--soft); margin: .2rem 0 1.4rem; }
figure { margin: 1.4rem 0 2.6rem; }
figure .wide { line-height: 0; }
img { max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: 6px; }
figcaption p { margin: .55rem 0 0; }
.beside { margin-bottom: 0; }
dl { margin: 1rem 0; }
dl div { display: grid; grid-template-columns: 13rem 1fr; gap: 0 1.2rem; padding: .36rem 0;
  border-bottom: 1px solid var(--line); }
dt { color: var(--soft); }
dd { margin: 0; white-space: pre-wrap; }
.cards { list-style: none; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr));
  gap: 1.5rem 1.1rem; margin: 1.2rem 0 1.6rem; padding: 0; max-width: none; font-size: .88rem; line-height: 1.4; }
.cards.small { grid-template-columns: repeat(auto-fill, minmax(min(9rem, 45%), 1fr)); }
.cards img { display: block; width: 100%; padding: 4px; margin-bottom: .45rem; }
.cards p { margin: .1rem 0 0; }
.cards p + p { color: var(--soft); }
.files span { color: var(--soft); }
footer { margin-top: 3.5rem; padding-top: .6rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .88rem; }
@media screen and (max-width: 44rem) {
  body { padding: 1.4rem 1rem 3rem; }
  h1 { font-size: 1.55rem; }
  figure .wide img { max-width: 38rem; }
  .wide > table td:not(.number) { min-width: 8.5rem; }
  .wide > table caption { position: sticky; left: 0; max-width: calc(100vw - 2rem); }
  dl div { grid-template-columns: 1fr; }
}
@media print {
  @page { margin: 16mm; }
  html { font-size: 10pt; }
  body { max-width: none; padding: 0; }
  nav { display: none; }
  h2 { break-after: avoid; margin-top: 1.6rem; }
  figure, table, tr, li, dl div { break-inside: avoid; }
  .wide { overflow: visible; }
  img { max-height: 165mm; width: auto; max-width: 100%; border: 0; padding: 0; }
  table { font-size: .85rem; }
  a { color: inherit; text-decoration: none; }
}
"""
