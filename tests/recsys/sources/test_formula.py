"""The mission's model: what was wrong with its text, and that what we built instead is sound."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.sources.base import Person
from recsys.sources.formula import Formula, Ridge
from tests.recsys.sources.builders import a_catalogue, a_log, subject_of


class TheText:
    """The objective as printed: J(w) = Σ_j (r_j (s_j − δ) + λ) α_j with s = ⟨Aw + b, E_j⟩, for one user."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.a, self.b, self.e = rng.normal(size=(6, 4)), rng.normal(size=6), rng.normal(size=(9, 6))
        self.r, self.alpha = rng.random(9), np.full(9, 1 / 9)
        self.delta, self.penalty = 0.3, 0.5

    def s(self, w):
        return self.e @ (self.a @ w + self.b)

    def objective(self, w):
        return float(((self.r * (self.s(w) - self.delta) + self.penalty) * self.alpha).sum())

    def slope(self, w):
        return np.array([(self.objective(w + d) - self.objective(w - d)) / 2e-5 for d in np.eye(4) * 1e-5])


def test_the_printed_objective_has_no_maximum():
    text, start = TheText(), np.zeros(4)
    uphill = text.slope(start)

    values = [text.objective(start + far * uphill) for far in (0, 10, 100, 1_000)]

    assert values == sorted(values)
    assert values[3] - values[2] == pytest.approx(10 * (values[2] - values[1]), rel=1e-6)  # and it never bends


def test_the_printed_gradient_is_not_the_gradient():
    text, w = TheText(), np.ones(4)
    printed = np.array([text.a.T @ np.full(6, (text.s(w)[j] - text.delta) * text.alpha[j]) for j in range(9)]).sum(
        0
    )
    true = text.a.T @ (text.e.T @ (text.r * text.alpha))

    assert text.slope(w) == pytest.approx(true, abs=1e-8)
    assert np.abs(text.slope(w) - printed).max() > 0.1


def test_the_printed_alpha_does_not_sum_to_one():
    r = np.array([[1.0, 0.2, 0.0], [0.5, 0.0, 0.3]])
    printed = r / r.sum(axis=0)

    assert printed[0].sum() != pytest.approx(1.0)


@pytest.fixture(scope="module")
def formula():
    catalogue = a_catalogue()
    return Formula(penalty=1.5).fit(a_log(catalogue), catalogue)


def test_our_alpha_sums_to_one(formula):
    catalogue = a_catalogue()
    weighed = Formula(alpha=np.arange(20.0)).fit(a_log(catalogue), catalogue)

    assert formula.alpha.sum() == pytest.approx(1.0)
    assert weighed.alpha.sum() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="not negative"):
        Formula(alpha=np.array([-1.0, 2.0]))


@pytest.mark.parametrize("history", [(0, 2), (0, 2, 7, 8, 11, 13)])
def test_the_profile_is_the_summit_of_its_objective(formula, history):
    """Below and above ``enough``: every step away makes the stated objective worse."""
    person = Person(history)
    x = formula.points[list(history)]
    many = len(history) >= formula.enough

    def worth(w):
        off = formula.penalty / 2 * ((w - formula.prior) ** 2).sum()
        if many:
            return -(((1 - formula.bias[list(history)] - x @ w) ** 2).sum() / 2) - off
        return (x @ w).sum() - off

    summit = formula.profile(person)
    for step in np.eye(len(summit)) * 1e-3:
        assert worth(summit + step) < worth(summit)
        assert worth(summit - step) < worth(summit)


def test_event_by_event_equals_all_at_once(formula):
    person = Person((0, 2, 7, 8, 11, 13))
    ridge = Ridge(formula.prior, formula.penalty)

    for item in person.history:
        point = formula.points[item]
        ridge.add(point, 1.0, float(1 - formula.bias[item] - point @ formula.prior))

    assert ridge.profile == pytest.approx(formula.profile(person), abs=1e-9)


def test_a_dislike_pushes_its_subject_down(formula):
    liked, disliked = Person((5,)), Person((5,), strengths=(-1.0,))

    assert subject_of(formula.recommend(liked, 1)[0][0]) == 1
    assert {subject_of(item) for item, _ in formula.recommend(disliked, 19)[-4:]} == {1}


def test_a_heavier_course_pulls_harder():
    catalogue = a_catalogue()
    alpha = np.ones(20)
    alpha[0] = 5.0
    plain, heavy = (Formula(alpha=a).fit(a_log(catalogue), catalogue) for a in (np.ones(20), alpha))

    pulls = [source.explain(Person((0,)), 1)[1].value for source in (plain, heavy)]

    assert pulls[1] > pulls[0] > 0


def test_a_course_nobody_took_gets_the_population_s_profile():
    catalogue = a_catalogue(new=1)
    source = Formula().fit(a_log(catalogue), catalogue)

    assert source.bias[-1] == 0
    assert source.score(Person())[-1] == pytest.approx(float(source.points[-1] @ source.prior))
    assert source.score(Person())[-1] > 0
