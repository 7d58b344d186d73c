"""The conformance suite: test whether a backend does what every backend must do.

``adhelpers conformance NAME`` runs it on an installed backend. In a test file::

    from adhelpers.testing import Conformance

    class TestMyBackend(Conformance):
        backend = "my-backend"          # or an instance

`assert_backends_agree` asserts that your function gives the same results on every framework, and
`assert_rule_correct` that your rule is the derivative of its function.

All of these need pytest and NumPy: ``pip install "adhelpers[testing]"``.
"""

try:  # before another module fails to import it, with a less helpful message
    import pytest  # noqa: F401
except ModuleNotFoundError as error:
    msg = f"adhelpers.testing needs pytest and NumPy ({error}): pip install 'adhelpers[testing]'"
    raise ModuleNotFoundError(msg, name=error.name) from error

from adhelpers.testing.agreement import assert_backends_agree
from adhelpers.testing.conformance import Conformance
from adhelpers.testing.correctness.rule import assert_rule_correct
from adhelpers.testing.rules import RULES
from adhelpers.testing.scenario import SUITE_VERSION, Scenario
from adhelpers.testing.subject import Failure, NotConcerned, OutOfReach
from adhelpers.testing.suite import scenarios

__all__ = [
    "RULES",
    "SUITE_VERSION",
    "Conformance",
    "Failure",
    "NotConcerned",
    "OutOfReach",
    "Scenario",
    "assert_backends_agree",
    "assert_rule_correct",
    "scenarios",
]
