"""What a quality predicts, against SciPy and against loops over single comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.experiments.assessment import AssessmentOptions, assess
from fiqx_trt.experiments.degradations import degrade
from fiqx_trt.experiments.degraded_scores import DegradedScores, score_degraded
from fiqx_trt.experiments.probe_discard import relative_area
from fiqx_trt.models import load_model
from fiqx_trt.quality import create_method
from support.nets import noise_faces, save, small_recogniser

KINDS, LEVELS = ("blur", "noise"), (0.5, 1.0)


def made(people: int = 6, pictures: int = 4, *, seed: int = 0) -> tuple[DegradedScores, list[str]]:
    """Embeddings around one direction per person; the copies lose it, and one quality knows how much."""
    rng = np.random.default_rng(seed)

    def unit(x: np.ndarray) -> np.ndarray:
        return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)

    count, shape = people * pictures, (people * pictures, len(KINDS), len(LEVELS))
    person = np.repeat(np.arange(people), pictures)
    centre = rng.standard_normal((people, 16))[person]
    embeddings = unit(centre + 0.3 * rng.standard_normal((count, 16)))
    loss = rng.uniform(0.2, 3.0, shape)
    copies = unit(embeddings[:, None, None] + loss[..., None] * 0.35 * rng.standard_normal((*shape, 16)))
    quality = {"knows": -loss, "reversed": loss, "random": rng.uniform(size=shape)}
    return (
        DegradedScores(
            kinds=KINDS,
            levels=LEVELS,
            higher_is_better={"knows": True, "reversed": False, "random": True},
            clean={
                name: rng.uniform(size=count) + (10.0 if name != "reversed" else -10.0) for name in quality
            },
            degraded=quality,
            embeddings=embeddings,
            copies=copies,
        ),
        [f"p{i}" for i in person],
    )


def test_correlations_are_scipys() -> None:
    scored, people = made()
    result = assess(scored, people=people, options=AssessmentOptions(replicates=20))
    own = (scored.copies * scored.embeddings[:, None, None]).sum(-1, dtype=float)
    genuine = np.empty_like(own)
    for i, person in enumerate(people):
        others = [j for j, other in enumerate(people) if other == person and j != i]
        for k in range(len(KINDS)):
            for n in range(len(LEVELS)):
                copy = scored.copies[i, k, n].astype(float)
                genuine[i, k, n] = np.mean([(copy * scored.embeddings[j]).sum() for j in others])
    for name, sign in (("knows", 1), ("reversed", -1), ("random", 1)):
        quality, one = sign * scored.degraded[name], result.methods[name]
        assert one.own.value == pytest.approx(spearmanr(quality.ravel(), own.ravel())[0])
        assert one.genuine is not None
        assert one.genuine.value == pytest.approx(spearmanr(quality.ravel(), genuine.ravel())[0])
        for k, kind in enumerate(KINDS):
            expected = spearmanr(quality[:, k].ravel(), own[:, k].ravel())[0]
            assert one.by_kind[kind].value == pytest.approx(expected)
        assert one.own.low <= one.own.value <= one.own.high
    assert result.methods["knows"].own == result.methods["reversed"].own
    assert result.methods["knows"].own.value > 0.6 > abs(result.methods["random"].own.value)


def test_the_discard_curve_is_that_of_a_loop_over_probes() -> None:
    scored, people = made(8, 3, seed=3)
    options = AssessmentOptions(replicates=20, fmr=0.05, probes=4, limit=0.3)
    result = assess(scored, people=people, options=options)
    curve = result.degraded_discard
    assert curve is not None
    # All four copies of every face are probes, so the loop needs no draw.
    genuine, impostor = [], []
    for i in range(len(people)):
        for k in range(2):
            for n in range(2):
                for j in range(len(people)):
                    if i == j:
                        continue
                    s = float(np.einsum("d,d->", scored.copies[i, k, n], scored.embeddings[j]))
                    quality = min(scored.degraded["knows"][i, k, n], scored.clean["knows"][j])
                    (genuine if people[i] == people[j] else impostor).append((quality, s))
    threshold = sorted((s for _, s in impostor), reverse=True)[int(0.05 * len(impostor))]
    wrong = np.array([s <= threshold for _, s in genuine])
    assert curve.point.fnmr == pytest.approx(wrong.mean())
    quality = np.array([q for q, _ in genuine])
    order = np.unique(quality)
    area, left = 0.0, 0.0
    for level in order:  # qualities of copies are all different, so a level is one probe
        stays = quality >= level
        share = 1 - stays.mean()
        nxt = min(1 - (quality > level).mean(), options.limit)
        area += max(nxt - share, 0.0) * wrong[stays].mean()
        left = share
        if nxt >= options.limit:
            break
    assert left < options.limit
    assert relative_area(curve)["knows"][0] == pytest.approx(area / (options.limit * wrong.mean()))
    value, low, high = relative_area(curve)["knows"]
    assert low <= value <= high
    assert value < relative_area(curve)["random"][0]


def test_cosines_are_those_of_every_pair_of_untouched_pictures() -> None:
    scored, people = made(4, 3)
    found = assess(scored, people=people, options=AssessmentOptions(replicates=0, fmr=0.1)).cosines
    pairs = {"genuine": [], "impostor": []}
    for i in range(12):
        for j in range(i):
            kind = "genuine" if people[i] == people[j] else "impostor"
            pairs[kind].append(float((scored.embeddings[i] * scored.embeddings[j]).sum()))
    for kind, values in pairs.items():
        np.testing.assert_allclose(found[kind], np.quantile(values, [0.05, 0.5, 0.95]), atol=1e-4)


def test_faces_without_a_finite_number_are_counted_and_change_nothing() -> None:
    scored, people = made()
    plain = assess(scored, options=AssessmentOptions(replicates=0))
    assert plain.failed == 0
    assert plain.methods["knows"].genuine is None
    assert plain.degraded_discard is None
    broken = scored.degraded["knows"].copy()
    broken[0, 0, 0] = np.nan
    spoilt = DegradedScores(**{**scored.__dict__, "degraded": {**scored.degraded, "knows": broken}})
    result = assess(spoilt, people=people, options=AssessmentOptions(replicates=0))
    assert result.failed == 1
    rows = np.isfinite(broken)
    expected = spearmanr(scored.degraded["random"][rows], scored.similarity[rows])[0]
    assert result.methods["random"].own.value == pytest.approx(expected)


def test_one_person_alone_gives_no_genuine_row_and_another_length_is_refused() -> None:
    scored, people = made(1, 5)
    assert (
        assess(scored, people=people, options=AssessmentOptions(replicates=0)).methods["knows"].genuine
        is None
    )
    with pytest.raises(InvalidInputError, match="1 people were given for 5 faces; give one for each face"):
        assess(scored, people=["p"])


def test_scores_are_those_of_single_copies(tmp_path) -> None:
    faces = noise_faces(5)
    with load_model(save(small_recogniser(), tmp_path / "small.onnx"), precision="fp32") as model:
        methods = [create_method("flip"), create_method("magface")]
        done: list[tuple[int, int]] = []
        scored = score_degraded(
            model, faces, methods, kinds=KINDS, levels=LEVELS, progress=lambda *x: done.append(x)
        )
        copy = degrade(faces[3], "noise", 1.0)[np.newaxis]
        assert scored.degraded["flip"][3, 1, 1] == methods[0].score(model, copy, model.extract(copy)).raw[0]
        np.testing.assert_allclose(scored.copies[3, 1, 1], model.embed(copy)[0], atol=1e-6)
        assert done[-1] == (25, 25)
        with pytest.raises(
            InvalidInputError, match="no degradation is called 'rain'; choose from blur, noise"
        ):
            score_degraded(model, faces, methods, kinds=["rain"])
        with pytest.raises(InvalidInputError, match="give numbers above 0 and at most 1"):
            score_degraded(model, faces, methods, levels=[0.0])
