"""The conformance suite is proved: it rejects every wrong backend by the rule that it breaks, and no right one."""

from __future__ import annotations

import ast
import gc
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import wrong_backends
from wrong_backends import (
    AUTOGRAD,
    CORRECT,
    FAULTY_DECLARATIONS,
    WRONG,
    AutogradBackend,
    StaleFailure,
    Wrong,
)

from adhelpers import ADBackend
from adhelpers.testing import RULES, Failure, NotConcerned, OutOfReach, Scenario, scenarios
from adhelpers.testing.conformance import Conformance, faulty_declarations

# A warning must not do what a scenario should: `adhelpers conformance` does not make errors of them either.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Some of them change settings for good."""
    state, limit = np.random.get_state(), sys.getrecursionlimit()  # noqa: NPY002
    with np.errstate(), np.printoptions():
        yield
    np.random.set_state(state)  # noqa: NPY002
    sys.setrecursionlimit(limit)
    gc.enable()


def made(cls: type[ADBackend]) -> ADBackend:
    """An instance, or a skip where autograd is needed and not installed."""
    if issubclass(cls, AutogradBackend) and not AUTOGRAD:
        pytest.skip("autograd is not installed")
    return cls()


def failed(scenario: Scenario, backend: ADBackend) -> Failure | None:
    """How a scenario fails, None where it passes or has nothing to say."""
    if scenario.why_not(backend) is not None:
        return None
    try:
        scenario.run(backend)
    except (OutOfReach, NotConcerned):
        return None
    except Failure as failure:
        return failure
    return None


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.rule}-{wrong.backend.__name__}")
def test_a_wrong_backend_is_rejected(wrong: Wrong) -> None:
    backend = made(wrong.backend)
    of_rule = [s for s in scenarios() if s.rule == wrong.rule and s.name not in backend.known_failures]
    failure = next(filter(None, (failed(scenario, backend) for scenario in of_rule)), None)
    assert failure is not None, f"no scenario of promise {wrong.rule} fails: {wrong.backend.__doc__}"
    assert f"promise {wrong.rule} " in str(failure)


@pytest.mark.parametrize("cls", CORRECT)
def test_a_right_backend_passes(cls: type[ADBackend]) -> None:
    backend = made(cls)
    assert faulty_declarations(backend) == []
    failure = next(filter(None, (failed(scenario, backend) for scenario in scenarios())), None)
    assert failure is None, str(failure)


@pytest.mark.parametrize("cls", FAULTY_DECLARATIONS)
def test_faulty_declarations_are_rejected(cls: type[ADBackend]) -> None:
    backend = made(cls)
    assert FAULTY_DECLARATIONS[cls] in " ".join(faulty_declarations(backend))
    with pytest.raises(pytest.fail.Exception, match=FAULTY_DECLARATIONS[cls]):
        Conformance().test_declarations(backend, lambda *_: None)


def test_a_known_failure_that_passes_is_rejected() -> None:
    (scenario,) = [s for s in scenarios() if s.name in StaleFailure.known_failures]
    with pytest.raises(pytest.fail.Exception, match="passes, but known_failures says that it fails"):
        Conformance().test_scenario(StaleFailure(), scenario, lambda *_: None, None)  # type: ignore[arg-type]  # nothing is left


def test_every_rule_has_wrong_backends() -> None:
    counts = Counter(wrong.rule for wrong in WRONG)
    assert counts.keys() == set(RULES)
    assert counts.total() >= 40
    assert len({wrong.backend.__name__ for wrong in WRONG}) == counts.total()


def test_each_stands_in_the_module_of_its_rule_and_says_what_is_wrong() -> None:
    assert [w for w in WRONG if w.backend.__module__ != f"wrong_backends.r{int(w.rule[1:]):02d}"] == []
    assert [w for w in WRONG if not vars(w.backend)["__doc__"]] == []


PUBLIC = re.compile(r"adhelpers|adhelpers\.(extend|testing)|adhelpers_plugins\.(autograd|finite_difference)")
MODULES = sorted(Path(wrong_backends.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_wrong_backends_are_written_over_public_names(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.Import) or not any("adhelpers" in alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and "adhelpers" in node.module:
            assert PUBLIC.fullmatch(node.module)
            assert not [alias.name for alias in node.names if alias.name.startswith("_")]
