"""Every attribute and call of tensorrt in the source exists in all four versions, or sits in the compatibility module.

The source is read, not run: a name of :data:`HOLDS` holds an object of that class wherever it stands.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from fiqx_trt.runtime import tensorrt
from runtime.tensorrt.signatures import VERSIONS, parameters, read

FOLDER = Path(tensorrt.__file__).parent
#: These speak to pycuda and the driver; compat is where versions may differ.
ELSEWHERE = {"compat.py", "memory.py", "driver.py"}
FILES = sorted(path for path in FOLDER.glob("*.py") if path.name not in ELSEWHERE)
HOLDS = {
    "builder": "Builder",
    "config": "IBuilderConfig",
    "context": "IExecutionContext",
    "engine": "ICudaEngine",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "plan": "IHostMemory",
    "problem": "ParserError",
    "profile": "IOptimizationProfile",
    "runtime": "Runtime",
    "timing": "ITimingCache",
}
#: Files in which a name above is something else: a plan's bytes or its file.
NOT_IN = {"plan": {"cache.py", "opening.py", "runner.py"}}


def holder(node: ast.expr, file: str) -> str | None:
    """Class of the object that an expression holds, as far as its name tells."""
    name = None
    if isinstance(node, ast.Name):
        name = node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        name = node.attr.lstrip("_")
    return HOLDS.get(name or "") if file not in NOT_IN.get(name or "", ()) else None


def is_module(node: ast.expr) -> bool:
    own = isinstance(node, ast.Attribute) and node.attr == "_trt"
    return own or (isinstance(node, ast.Name) and node.id == "trt")


def used() -> Iterator[tuple[str, str, str, ast.Call | None]]:
    """File and line, class, attribute (``__init__`` for a construction), and the call where it is one."""
    for path in FILES:
        tree = ast.parse(path.read_text())
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute):
                continue
            where, call = f"{path.name}:{node.lineno}", calls.get(id(node))
            if is_module(node.value) and node.attr != "__version__":
                yield where, node.attr, "__init__", call
            elif isinstance(node.value, ast.Attribute) and is_module(node.value.value):
                yield where, node.value.attr, node.attr, call
            elif (kind := holder(node.value, path.name)) is not None:
                yield where, kind, node.attr, call


USES = list(used())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_attribute_exists(version: str) -> None:
    api = read(version)
    for where, kind, attribute, _ in USES:
        assert kind in api.classes, f"{where}: tensorrt.{kind} is not in the signatures of {version}"
        if attribute != "__init__":
            assert api.has(kind, attribute), f"{where}: {kind}.{attribute} is not in {version}"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_call_fits(version: str) -> None:
    api = read(version)
    for where, kind, method, call in USES:
        texts = api.classes[kind]["methods"].get(method)
        if call is None or texts is None or texts[0].startswith("?"):
            continue
        positional, named = len(call.args), {keyword.arg for keyword in call.keywords}
        assert any(_fits(text, positional, named) for text in texts), f"{where}: {kind}.{method} in {version}"


def _fits(text: str, positional: int, named: set[str | None]) -> bool:
    wanted = parameters(text)
    given = {name for name, _, _ in wanted[:positional]} | named
    required = {name for name, _, optional in wanted if not optional}
    return positional <= len(wanted) and required <= given <= {name for name, _, _ in wanted}


def test_the_source_was_understood() -> None:
    """Each class is seen at work, so that no renaming empties these tests."""
    seen = {kind for _, kind, attribute, _ in USES if attribute != "__init__"}
    assert seen >= set(HOLDS.values()) - {"INetworkDefinition"}, (
        "a class is held by a name this test does not know"
    )
    attributes = {attribute for _, _, attribute, _ in USES}
    assert {
        "execute_async_v3",
        "set_tensor_address",
        "build_serialized_network",
        "TF32",
        "parse",
    } <= attributes
    assert len(USES) > 35


def test_tensorrt_is_imported_in_one_place_and_never_at_import_time() -> None:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            )
            module = node.module if isinstance(node, ast.ImportFrom) else ""
            if "tensorrt" in names or module == "tensorrt":
                assert path.name == "compat.py"
                assert node.col_offset > 0, "tensorrt is imported before the driver was asked"


def test_what_leaks_or_aborts_is_not_used() -> None:
    """pycuda's autoinit and a detached primary context end in an abort at exit; a plan has no len()."""
    for path in FOLDER.glob("*.py"):
        text = path.read_text()
        tree = ast.parse(text)
        called = {
            n.func.attr
            for n in ast.walk(tree)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
        }
        imported = {
            a.name for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names
        }
        assert not imported & {"pycuda.autoinit", "autoinit"}
        if path.name == "memory.py":
            assert "detach" not in called


def test_what_version_11_removed_is_missing_from_its_signatures() -> None:
    """The table tells the versions apart: without that the tests above would mean nothing."""
    old, new = read(VERSIONS[0]), read(VERSIONS[-1])
    for kind, attribute in (
        ("NetworkDefinitionCreationFlag", "EXPLICIT_BATCH"),
        ("BuilderFlag", "FP16"),
        ("OnnxParser", "supports_model"),
        ("ICudaEngine", "device_memory_size"),
        ("ICudaEngine", "create_execution_context_without_device_memory"),
        ("Builder", "platform_has_fast_fp16"),
    ):
        assert old.has(kind, attribute)
        assert not new.has(kind, attribute)
