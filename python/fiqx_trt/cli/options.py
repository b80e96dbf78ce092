"""Options that several commands share: one name, one meaning, one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fiqx_trt.zoo import DEFAULT_MODEL as DEFAULT_MODEL  # the commands' default

MODEL_PANEL = "Model"
FACES_PANEL = "Faces"
RUNTIME_PANEL = "Runtime"
OUTPUT_PANEL = "Output"
PARTS_PANEL = "Runs in parts"

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="IN",
        help="Pictures: files, folders, globs, .tar shards, InsightFace's .bin and .rec, @list.txt, a CSV or Parquet table "
        "with a path column, a Parquet table that holds pictures, or - for standard input.",
        show_default=False,
    ),
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="M",
        help="Known model (fiqx-trt model list), or an ONNX or TensorFlow Lite file, also s3:// and the like.",
        rich_help_panel=MODEL_PANEL,
    ),
]
Mean = Annotated[
    str | None,
    typer.Option(
        metavar="X[,Y,Z]",
        help="Subtracted from the intensities 0..255, before they are divided by --std.",
        rich_help_panel=MODEL_PANEL,
    ),
]
Std = Annotated[
    str | None,
    typer.Option(
        metavar="X[,Y,Z]",
        help="Divides the intensities, after --mean is subtracted.",
        rich_help_panel=MODEL_PANEL,
    ),
]
Color = Annotated[
    str | None,
    typer.Option(
        metavar="ORDER", help="Channel order of the model: rgb, bgr, gray.", rich_help_panel=MODEL_PANEL
    ),
]
Template = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Alignment template: arcface, dlib, facenet.", rich_help_panel=MODEL_PANEL
    ),
]
InputSize = Annotated[
    str | None,
    typer.Option(
        "--input-size",
        metavar="HxW",
        help="Height and width of the faces, such as 112x112, where the model's file leaves them open.",
        rich_help_panel=MODEL_PANEL,
    ),
]
Tap = Annotated[
    list[str] | None,
    typer.Option(
        "--tap",
        metavar="WHICH=NAME",
        help="Tensor to read, where the one found is not the wanted one: image, embedding, pre_dropout or features; may be "
        "repeated.",
        rich_help_panel=MODEL_PANEL,
    ),
]
Alpha = Annotated[
    float | None,
    typer.Option(
        "--alpha",
        metavar="A",
        help="Slope α of the scaled quality σ(α (Q - r)); default: the calibration's.",
        rich_help_panel=MODEL_PANEL,
    ),
]
Middle = Annotated[
    float | None,
    typer.Option(
        "--r",
        metavar="R",
        help="Raw quality r that is scaled to 0.5; default: the calibration's.",
        rich_help_panel=MODEL_PANEL,
    ),
]
Estimator = Annotated[
    str,
    typer.Option(
        help="SER-FIQ: closed-form (computed, without random numbers), or sampled (dropout passes, as in the paper)."
    ),
]
Passes = Annotated[
    int | None,
    typer.Option(metavar="M", help="SER-FIQ sampled: number of dropout passes; default: 100."),
]
MaskSeed = Annotated[
    int | None, typer.Option(metavar="N", help="SER-FIQ sampled: seed of the dropout masks; default: 0.")
]
Gamma = Annotated[
    float | None,
    typer.Option(
        metavar="G", help="Scale of the pixel quality; default: the model's.", rich_help_panel=MODEL_PANEL
    ),
]
Target = Annotated[
    str | None,
    typer.Option(help="What a masked face is scored by: self, argmax, norm, logit. Default: self."),
]
ChannelWeights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        help="Weights of the channels: score, softmax, increase, uniform (one pass a face). Default: score.",
    ),
]
CamPreset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="Another program's definition: scorecam-author, pytorch-grad-cam, torchcam, fu-damer.",
    ),
]
AlignCorners = Annotated[
    bool | None,
    typer.Option(
        "--align-corners/--half-pixel",
        help="How masks are upsampled: corners aligned, or by half pixels. Default: half pixels, or the preset's.",
        show_default=False,
    ),
]
Layer = Annotated[
    str | None, typer.Option(metavar="NAME", help="Tensor to explain; default: the model's features.")
]
Maps = Annotated[bool, typer.Option("--maps/--no-maps", help="Write the float maps (.npz).")]
Pictures = Annotated[
    str, typer.Option(metavar="KIND", help="Pictures of face, map and overlay: jpg, png, none.")
]
Colors = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Colours of maps: uniform, told apart without colour vision and in grey prints, or papers (red to green, jet).",
    ),
]
Smooth = Annotated[
    float,
    typer.Option(
        metavar="PIXELS",
        help="Smooth the maps in the pictures, which say so, by a Gaussian of this standard deviation. The stored maps stay as "
        "they are.",
    ),
]
FigureFormat = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FORMAT",
        help="Write every figure as svg or pdf too, beside its png; may be repeated.",
        show_default=False,
    ),
]
MethodOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="METHOD.OPTION=VALUE",
        help="Option of a method, such as brisque.halving=antialiased; may be repeated. A wrong one lists those there are.",
        show_default=False,
    ),
]
Backend = Annotated[
    str,
    typer.Option(
        help="What runs networks: auto, {backends}. A named one that is not available is an error.",
        rich_help_panel=RUNTIME_PANEL,
    ),
]
Precision = Annotated[
    str, typer.Option(help="Arithmetic of networks: auto, fp32, bf16, fp16.", rich_help_panel=RUNTIME_PANEL)
]
Device = Annotated[
    str, typer.Option(help="Where networks run: auto, cpu, cuda, cuda:1 …", rich_help_panel=RUNTIME_PANEL)
]
Batch = Annotated[
    int,
    typer.Option(min=1, help="Faces of one batch. Does not affect results.", rich_help_panel=RUNTIME_PANEL),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Processor threads; default: all.", rich_help_panel=RUNTIME_PANEL)
]
Aligned = Annotated[
    bool,
    typer.Option(
        "--aligned", help="The pictures are aligned crops; resized if needed.", rich_help_panel=FACES_PANEL
    ),
]
DetectorName = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="Find faces in every picture: {detectors}; or landmarks:FILE with five ready points a face (a score table, or "
        "lines 'path x1 y1 … x5 y5'). yunet finds turned faces too, in the same time; it is fetched. Default: mtcnn.",
        rich_help_panel=FACES_PANEL,
    ),
]
MinFace = Annotated[
    float | None,
    typer.Option(
        "--min-face",
        metavar="PX",
        help="Smallest face to look for, in pixels of the picture. Default: mtcnn 20, or 4 % of the shorter side if more; yunet "
        "10, or 1/64 of the longer side if more.",
        show_default=False,
        rich_help_panel=FACES_PANEL,
    ),
]
Confidence = Annotated[
    float | None,
    typer.Option(
        "--confidence",
        metavar="C",
        help="Least confidence of a face, between 0 and 1. Default: mtcnn 0.8, yunet 0.5.",
        show_default=False,
        rich_help_panel=FACES_PANEL,
    ),
]
Select = Annotated[
    str,
    typer.Option(
        "--faces",
        metavar="WHICH",
        help="Which faces of a picture: largest, all, or single (several faces fail).",
        rich_help_panel=FACES_PANEL,
    ),
]
NullSeparated = Annotated[
    bool,
    typer.Option("-0", "--null", help="Names on standard input end with NUL.", rich_help_panel=FACES_PANEL),
]
Column = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Column of a table with the paths or the pictures; default: the pictures, else path.",
        rich_help_panel=FACES_PANEL,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print neither progress nor a summary.", rich_help_panel=OUTPUT_PANEL),
]
Identities = Annotated[
    str | None,
    typer.Option(
        metavar="folder|FILE",
        help="Who is on each picture: the name of its folder, or a table path,identity. (Default: not known.)",
        show_default=False,
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an existing output.", rich_help_panel=OUTPUT_PANEL)
]
Engine = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What starts workers: local (processes) or ray (a cluster, or this machine).",
        show_default=False,
        rich_help_panel=PARTS_PANEL,
    ),
]
Workers = Annotated[
    int, typer.Option(min=1, metavar="N", help="Workers of the engine.", rich_help_panel=PARTS_PANEL)
]
GpusPerWorker = Annotated[
    float,
    typer.Option(min=0, metavar="X", help="GPUs that a worker of ray takes.", rich_help_panel=PARTS_PANEL),
]
ShareOfUnits = Annotated[
    str | None,
    typer.Option(
        "--share",
        metavar="K/N",
        help="Make only the units of process K of N, which work on one folder without an engine (Slurm, Kubernetes).",
        show_default=False,
        rich_help_panel=PARTS_PANEL,
    ),
]
AllowMixed = Annotated[
    bool,
    typer.Option(
        "--allow-mixed",
        help="Let machines of several kinds work on one run; the column device says which made a row.",
        rich_help_panel=PARTS_PANEL,
    ),
]
PartsFolder = Annotated[
    str | None,
    typer.Option(
        "--parts",
        metavar="RUN/",
        help="Folder of the parts of a run with --engine or --share: a path or a URL that all machines reach.",
        show_default=False,
        rich_help_panel=PARTS_PANEL,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with an interrupted run: make what is missing.", rich_help_panel=OUTPUT_PANEL
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed", help="Do the failed rows of a complete table again.", rich_help_panel=OUTPUT_PANEL
    ),
]
OutFolder = Annotated[
    str,
    typer.Option(
        "--out",
        "-o",
        metavar="DIR",
        help="Folder to write into; with --engine or --share, or a URL, a folder of parts, whose maps are in archives.",
        show_default=False,
    ),
]
OutDirectory = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write into.", show_default=False)
]
