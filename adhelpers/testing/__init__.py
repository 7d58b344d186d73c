"""The conformance suite: what every backend must do, and a way to find out whether yours does.

``adhelpers conformance NAME`` runs it for an installed backend. In a test file::

    from adhelpers.testing import Conformance

    class TestMyBackend(Conformance):
        backend = "my-backend"          # or an instance

Both need pytest and NumPy: ``pip install "adhelpers[testing]"``.
"""

from adhelpers.testing.conformance import Conformance
from adhelpers.testing.scenario import RULES, SUITE_VERSION, Scenario
from adhelpers.testing.subject import Failure, NotConcerned, OutOfReach
from adhelpers.testing.suite import scenarios

__all__ = ["RULES", "SUITE_VERSION", "Conformance", "Failure", "NotConcerned", "OutOfReach", "Scenario", "scenarios"]
