"""The conformance suite: what every backend must do, and a way to find out whether yours does.

``adhelpers conformance NAME`` runs it for an installed backend. In a test file::

    from adhelpers.testing import Conformance

    class TestMyBackend(Conformance):
        backend = "my-backend"          # or an instance

`assert_backends_agree` pins in a test of yours that a function gives the same on every framework, and
`assert_rule_correct` that a rule of yours is the derivative of its function.

All need pytest and NumPy: ``pip install "adhelpers[testing]"``.
"""

try:  # before others fail to import it, with less to say
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
