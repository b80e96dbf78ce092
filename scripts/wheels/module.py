"""What a compiled module asks of a machine: instructions that only some processors have, and how they are entered.

``python scripts/wheels/module.py _core.so`` prints the faults it finds and exits with 1 if there are any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

# In objdump's AT&T syntax: every instruction with a wide or masked register, and most AVX instructions, begin with v.
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\t(\w+)\s*(.*)$")
NOT_AVX = {"verr", "verw", "vmcall", "vmlaunch", "vmresume", "vmxoff"}
ENTRY = re.compile(r"^(?:call|jmp|j\w+)$")
TARGET = re.compile(r"^([0-9a-f]+)(?: <|$)")
BOUNDS = re.compile(r"pc=([0-9a-f]+)\.\.([0-9a-f]+)")


@dataclass
class Function:
    """A function of the module: where it begins and ends, whether it holds AVX, and where it jumps to directly."""

    begin: int
    end: int
    avx: bool = False
    targets: list[int] = field(default_factory=list)


def functions_of(module: Path) -> list[Function]:
    """Return the functions of a module, stripped or not, from its unwind table and its disassembly."""
    frames = output_of("objdump", "--dwarf=frames", module)
    bounds = sorted({(int(begin, 16), int(end, 16)) for begin, end in BOUNDS.findall(frames)})
    functions = [Function(begin, end) for begin, end in bounds]
    begins = [function.begin for function in functions]
    for line in output_of("objdump", "-d", "-j", ".text", "--no-show-raw-insn", module).splitlines():
        found = INSTRUCTION.match(line)
        if found is None:
            continue
        index = bisect_right(begins, int(found[1], 16)) - 1
        if index >= 0 and int(found[1], 16) < functions[index].end:
            note(functions[index], found[2], found[3])
    return functions


def note(function: Function, name: str, operands: str) -> None:
    """Note what one instruction tells about its function."""
    if name.startswith("v") and name not in NOT_AVX:
        function.avx = True
    target = TARGET.match(operands)
    if target is not None and ENTRY.match(name):
        function.targets.append(int(target[1], 16))


def entered_directly(functions: list[Function]) -> list[Function]:
    """Return the functions with AVX that code for every processor calls by their address, without asking the processor."""
    by_begin = {function.begin: function for function in functions}
    entered = {
        target
        for function in functions
        if not function.avx
        for target in function.targets
        if target in by_begin and by_begin[target].avx
    }
    return [by_begin[target] for target in sorted(entered)]


def faults_of(module: Path) -> list[str]:
    """Return what is wrong with a module that must run on every x86-64 processor; nothing if all is well."""
    functions = functions_of(module)
    if not any(function.avx for function in functions):
        return [f"{module.name} holds no AVX code: its loops were not compiled for newer processors"]
    return [
        f"{module.name}: the function at {function.begin:#x} holds AVX instructions and is called without a choice"
        for function in entered_directly(functions)
    ]


def output_of(*command: str | Path) -> str:
    """Return what a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    found_faults = [fault for name in sys.argv[1:] for fault in faults_of(Path(name))]
    print(*found_faults, sep="\n")
    sys.exit(bool(found_faults))
