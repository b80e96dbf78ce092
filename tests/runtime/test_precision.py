"""Which precision ``auto`` takes, and the parity gate behind it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from fiqx_trt.errors import BackendUnavailableError, InvalidInputError, ParityError
from fiqx_trt.runtime import gate, machine, open_session, parity
from fiqx_trt.runtime.base import Chunk, Session, TensorInfo
from runtime.small_nets import images, residual_net

NET = residual_net()
PROBE = {"image": images(4)}


class Noisy(Session):
    """Passes its rows on with a relative error."""

    def __init__(self, precision: str, error: float) -> None:
        info = [TensorInfo("x", (None, 8), np.dtype(np.float32))]
        super().__init__(
            backend="noisy", device="cpu", precision=precision, batch=1, inputs=info, outputs=info
        )
        self.error = error

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        flip = np.where(np.arange(8) % 2, 1 + self.error, 1 - self.error).astype(np.float32)
        return [{"x": chunk["x"] * flip} for chunk in chunks]

    def _close(self) -> None:
        self.error = 0.0


ROWS = {"x": np.ones((3, 8), np.float32)}


def test_compare_gives_cosine_and_largest_difference() -> None:
    result = parity.compare(Noisy("fp16", 0.1), Noisy("fp32", 0.0), ROWS)
    assert result.cosine_min == pytest.approx(1 / np.sqrt(1 + 0.1**2), abs=1e-7)
    assert result.max_abs == pytest.approx(0.1, abs=1e-6)
    assert result.finite
    assert str(result) == "cosine 0.995037, largest difference 0.1"


def test_rows_of_zeros_agree_and_no_rows_agree() -> None:
    a, b = Noisy("fp16", 0.5), Noisy("fp32", 0.0)
    assert parity.compare(a, b, {"x": np.zeros((2, 8), np.float32)}) == parity.Parity(1.0, 0.0, True)
    assert parity.compare(a, b, {"x": np.zeros((0, 8), np.float32)}) == parity.Parity(1.0, 0.0, True)


def test_values_that_are_not_finite_are_told() -> None:
    result = parity.compare(Noisy("fp16", np.inf), Noisy("fp32", 0.0), ROWS)
    assert not result.finite
    assert str(result) == "NaN or infinite values"


def test_require_refuses_and_says_what_to_do() -> None:
    good, bad = Noisy("fp32", 0.0), Noisy("bf16", 0.1)
    assert parity.require(bad, good, ROWS, min_cosine=0.99).finite
    with pytest.raises(
        ParityError,
        match=r"noisy \(bf16\) and noisy \(fp32\) disagree: cosine 0\.995037.*wanted a cosine of at least 0\.999; use",
    ):
        parity.require(bad, good, ROWS, min_cosine=0.999)
    with pytest.raises(ParityError, match=r"disagree: NaN or infinite values"):
        parity.require(Noisy("bf16", np.nan), good, ROWS, min_cosine=0.5)


def test_an_unknown_output_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"no output \['z'\] to compare: one session has \['x'\]"):
        parity.compare(Noisy("fp32", 0), Noisy("fp32", 0), ROWS, output="z")


def test_the_gate_passes_refuses_and_remembers() -> None:
    opened: list[str] = []

    def opener(error: float):
        def open_with(precision: str) -> Session:
            opened.append(precision)
            return Noisy(precision, error if precision != "fp32" else 0.0)

        return open_with

    passed = gate.choose("bf16", opener(0.001), ROWS, ("passes",))
    assert passed[0] == "bf16"
    assert passed[1].startswith("bf16: passed the parity gate against fp32 (cosine 0.99999")
    assert opened == ["fp32", "bf16"]
    assert gate.choose("bf16", opener(0.001), ROWS, ("passes",)) == passed
    assert opened == ["fp32", "bf16"]
    gate.choose("bf16", opener(0.001), {"x": 2 * ROWS["x"]}, ("passes",))
    assert len(opened) == 4, "another probe is another question"
    precision, reason = gate.choose("bf16", opener(0.2), ROWS, ("fails",))
    assert precision == "fp32"
    assert reason.startswith("fp32: bf16 failed the parity gate (cosine 0.98")
    precision, reason = gate.choose("bf16", opener(np.nan), ROWS, ("is not finite",))
    assert (precision, "NaN" in reason) == ("fp32", True)
    again = gate.choose("bf16", opener(np.nan), ROWS, ("is not finite",))
    assert again == (precision, reason)


@pytest.mark.skipif(not machine.has_bf16(), reason="this processor has no bf16 instructions")
def test_auto_is_bf16_with_instructions_and_a_probe() -> None:
    with open_session(NET, backend="openvino", probe=PROBE, max_batch=1) as session:
        assert session.precision == "bf16"
        assert session.notes[0].startswith("bf16: passed the parity gate against fp32 (cosine 0.99")


def test_auto_is_fp32_without_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_bf16", lambda: False)
    with open_session(NET, backend="openvino", probe=PROBE, max_batch=1) as session:
        assert session.precision == "fp32"
        assert session.notes[0] == "fp32: this processor has no bf16 instructions"


def test_auto_is_fp32_where_the_gate_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_bf16", lambda: True)
    monkeypatch.setitem(parity.MIN_COSINE, "bf16", 2.0)
    with open_session(NET, backend="openvino", probe=PROBE, max_batch=1) as session:
        assert session.precision == "fp32"
        assert session.notes[0].startswith("fp32: bf16 failed the parity gate (cosine 0.99")


def test_auto_stays_fp32_in_torch_on_the_processor() -> None:
    pytest.importorskip("torch")
    with open_session(NET, backend="torch", device="cpu", probe=PROBE, max_batch=1) as session:
        assert session.precision == "fp32"
        assert session.notes[0] == "fp32: half precision is not faster than fp32 in torch on a processor"


def test_a_precision_asked_for_by_name_is_used_or_refused() -> None:
    from fiqx_trt.runtime import openvino

    offered = openvino._core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    for precision, capability in openvino.CAPABILITIES.items():
        if capability in offered:
            with open_session(NET, backend="openvino", precision=precision, max_batch=1) as session:
                assert (session.precision, session.notes[0]) == (precision, f"{precision}: requested")
        else:
            with pytest.raises(
                BackendUnavailableError, match=rf"precision '{precision}' is not available: OpenVINO"
            ):
                open_session(NET, backend="openvino", precision=precision)
