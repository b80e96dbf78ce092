"""Rewrite a CUDA source for g++: launches, and the declarations of shared memory. Everything else stays as it is.

    translate.py SOURCE TARGET

``kernel<<<grid, block, ...>>>(arguments)`` becomes a call of ``emulated::Launch``, and ``__shared__`` declarations
become references to memory of the emulated block (``include/emulated/``). Lines keep their numbers.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

NAME = r"(?P<name>[A-Za-z_]\w*)"
ALIGNED = r"(?:__align__\(\s*\d+\s*\)\s+|alignas\(\s*\w+\s*\)\s+)?"
TYPE = r"(?P<type>[A-Za-z_][\w:\s]*?(?:<[^;]*>)?)\s+"
DYNAMIC = re.compile(rf"extern\s+__shared__\s+{ALIGNED}{TYPE}{NAME}\s*\[\s*\]\s*;")
STATIC = re.compile(rf"__shared__\s+{ALIGNED}{TYPE}{NAME}(?P<extents>(?:\s*\[[^\]]*\])*)\s*;")
LAUNCH = re.compile(r"(?P<kernel>[A-Za-z_][\w:]*(?:<[^;{}()]*>)?)\s*<<<(?P<shape>.+?)>>>\s*(?=\()", re.DOTALL)


def launched(match: re.Match[str]) -> str:
    """Return the call that takes a launch's place."""
    kernel = match["kernel"]
    return f'::emulated::Launch({match["shape"]}).kernel("{kernel}", {kernel})'


def translate(text: str) -> str:
    """Return the C++ of a CUDA source; raise ValueError for a launch or a declaration it cannot read."""
    text = DYNAMIC.sub(r"auto* const \g<name> = ::emulated::dynamic_shared<\g<type>>();", text)
    text = STATIC.sub(r"auto& \g<name> = ::emulated::shared<\g<type>\g<extents>>([] {});", text)
    text = LAUNCH.sub(launched, text)
    for number, line in enumerate(text.splitlines(), 1):
        for mark in ("<<<", ">>>", "__shared__"):
            if mark in line.partition("//")[0]:
                raise ValueError(
                    f"line {number}: {mark} in a form that translate.py does not know: {line.strip()}"
                )
    return text


def main(source: Path, target: Path) -> None:
    """Translate one file; what cannot be translated ends the build."""
    try:
        text = translate(source.read_text(encoding="utf-8"))
    except ValueError as error:
        sys.exit(f"{source}: {error}")
    target.write_text(f'#line 1 "{source}"\n{text}', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
