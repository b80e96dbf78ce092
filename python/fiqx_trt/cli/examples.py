"""Examples that ``--help`` prints below the options of each command: what one wants, and the line that does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["EXAMPLES", "Example", "examples_text"]


class Example(NamedTuple):
    """A wish, and the command line that fulfils it."""

    wish: str
    line: str


#: Examples by the words of the command; ``""`` is the program itself.
EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    "": (
        Example("See the whole tool at work on a sample face", "fiqx-trt demo --out demo-out"),
        Example("Score every picture of a folder", "fiqx-trt score photos --out scores.csv"),
        Example("See which pixels of each face serve the recogniser", "fiqx-trt plq photos --out plq-out"),
    ),
    "demo": (
        Example("Write the demonstration and open demo-out/report.html", "fiqx-trt demo --out demo-out"),
    ),
    "score": (
        Example(
            "Score every picture below a folder, with a page that shows all faces",
            "fiqx-trt score photos --out scores.csv --page faces",
        ),
        Example(
            "Score aligned crops by two methods in one pass",
            "fiqx-trt score crops --aligned --method serfiq --method magface --out crops.csv",
        ),
        Example(
            "Go on after an interruption",
            "fiqx-trt score crops --aligned --method serfiq --method magface --out crops.csv --resume",
        ),
    ),
    "merge": (
        Example("Join the parts of a run into one table", "fiqx-trt merge run1/ --out scores.parquet"),
        Example(
            "Join a run that lies in an object store", "fiqx-trt merge s3://scores/run1/ --out scores.parquet"
        ),
    ),
    "pack": (
        Example(
            "Pack a folder of pictures into tar shards", "fiqx-trt pack photos --out packed --name photos"
        ),
        Example(
            "Let three jobs pack at the same time; this is the first",
            "fiqx-trt pack photos --out packed --name photos --share 0/3",
        ),
    ),
    "plq": (
        Example("Explain every face of a folder, with a page", "fiqx-trt plq photos --out plq-out"),
        Example(
            "Use the paper's definition and colours",
            "fiqx-trt plq crops --aligned --per intensity --colors papers --out plq-paper",
        ),
    ),
    "cam": (
        Example(
            "Draw the plain mean activation: one pass a face",
            "fiqx-trt cam crops --aligned --weights uniform --out cam-out",
        ),
        Example(
            "Draw Score-CAM itself: a masked pass for each channel",
            "fiqx-trt cam crops/00.jpg --aligned --out cam-score",
        ),
    ),
    "amva": (
        Example(
            "Compare the best and the worst tenth by SER-FIQ",
            "fiqx-trt amva crops --aligned --scores crops.csv --method serfiq --weights uniform --out amva-out",
        ),
    ),
    "edc": (
        Example(
            "Make pairs from a folder per person and draw the curves of all methods",
            "fiqx-trt edc --scores people.csv --identities folder --fmr 0.01 --out edc-out",
        ),
        Example(
            "Use a protocol of pairs",
            "fiqx-trt edc --scores people.csv --pairs pairs.csv --fmr 0.01 --out edc-pairs",
        ),
    ),
    "overlap": (
        Example("Print how far two methods agree", "fiqx-trt overlap --scores crops.csv --fraction 0.25"),
        Example(
            "Write it as a page, a figure and tables",
            "fiqx-trt overlap --scores crops.csv --fraction 0.25 --out overlap-out",
        ),
    ),
    "assess": (
        Example(
            "Measure what the qualities of the default model predict on your faces",
            "fiqx-trt assess people --identities folder --out assess-out",
        ),
        Example(
            "Try it on four faces, and leave the model's record alone",
            "fiqx-trt assess crops --aligned --limit 4 --no-record --out assess-try",
        ),
    ),
    "calibrate": (
        Example(
            "Calibrate your own model on aligned crops", "fiqx-trt calibrate crops --aligned --model own.onnx"
        ),
        Example(
            "Print the numbers and write nothing",
            "fiqx-trt calibrate crops --aligned --model own.onnx --dry-run --no-pixels",
        ),
    ),
    "import": (
        Example(
            "Bring the scores of CR-FIQA together with your pictures",
            "fiqx-trt import cr-fiqa.txt --format cr-fiqa --images crops --out cr.csv",
        ),
        Example(
            "Rewrite a protocol of pairs as a table",
            "fiqx-trt import pairs.csv --format pairs --out protocol.csv",
        ),
    ),
    "sample": (
        Example(
            "Choose up to thirty pictures of every person",
            "fiqx-trt sample people --per-identity 30 --out images.txt",
        ),
        Example(
            "Leave out people with fewer than two",
            "fiqx-trt sample people --at-least 2 --seed 1 --out two.txt",
        ),
    ),
    "doctor": (
        Example("See what is installed, without running a model", "fiqx-trt doctor --quick"),
        Example("Send it to somebody as JSON", "fiqx-trt doctor --json"),
    ),
    "bench": (
        Example("Plan ten million pictures on this machine", "fiqx-trt bench photos"),
        Example(
            "Measure two steps for a second each", "fiqx-trt bench --only serfiq --only decode --seconds 1"
        ),
    ),
    "experiment": (
        Example(
            "See whether pixel quality falls where a mask lies",
            "fiqx-trt experiment masks crops --aligned --out masks-out",
        ),
    ),
    "experiment masks": (
        Example(
            "Cover squares of two sizes on every face",
            "fiqx-trt experiment masks crops --aligned --sizes 20,40 --out masks-out",
        ),
    ),
    "experiment inpaint": (
        Example(
            "Fill in the least useful area of every face",
            "fiqx-trt experiment inpaint crops --aligned --out inpaint-out",
        ),
    ),
    "experiment compare": (
        Example(
            "Put a good picture of a person beside bad ones",
            "fiqx-trt experiment compare people/p0/0.jpg people/p0/1.jpg people/p0/2.jpg --aligned --out compare-out",
        ),
    ),
    "experiment deletion": (
        Example(
            "Judge the maps on eight faces, beside a centre prior and chance",
            "fiqx-trt experiment deletion crops --aligned --limit 8 --out deletion-out",
        ),
    ),
    "model": (
        Example("See the recognisers that are known by name", "fiqx-trt model list"),
        Example("See what was inferred from your own network", "fiqx-trt model inspect own.onnx"),
    ),
    "model list": (
        Example("Print every known model with the licence of its weights", "fiqx-trt model list"),
        Example("Print addresses, hashes and contracts as JSON", "fiqx-trt model list --json"),
    ),
    "model fetch": (
        Example("Fetch the default model before its first use", "fiqx-trt model fetch mobilefacenet"),
        Example(
            "Install the file on a machine without a network",
            "fiqx-trt model fetch mobilefacenet --from MobileFaceNet.tflite",
        ),
    ),
    "model set": (
        Example(
            "State the input contract of your own network",
            "fiqx-trt model set own.onnx --mean 127.5 --std 127.5 --color rgb --template arcface",
        ),
    ),
    "model inspect": (
        Example("See the taps and the contract, and what was guessed", "fiqx-trt model inspect own.onnx"),
        Example("Print the sidecar that they would make", "fiqx-trt model inspect own.onnx --json"),
    ),
    "model export": (
        Example(
            "Write a known model as ONNX", "fiqx-trt model export mobilefacenet --out mobilefacenet.onnx"
        ),
        Example(
            "Convert a state dict of InsightFace",
            "fiqx-trt model export iresnet100 --weights backbone.pth --out r100.onnx",
        ),
    ),
    "engine": (Example("Build the engines before a long run", "fiqx-trt engine build mobilefacenet"),),
    "engine build": (
        Example(
            "Build the engines of a model for half precision",
            "fiqx-trt engine build own.onnx --precision fp16",
        ),
    ),
    "engine list": (Example("See what is in the cache", "fiqx-trt engine list"),),
    "engine clear": (Example("Delete all engines after a change of the driver", "fiqx-trt engine clear"),),
}


def examples_text(command: str) -> str:
    """Return the lines that ``--help`` prints below the options of a command; nothing where there are no examples."""
    lines = [f"   {example.wish}:\n     {example.line}\n" for example in EXAMPLES.get(command, ())]
    return "".join([" Examples\n", *lines]) if lines else ""
