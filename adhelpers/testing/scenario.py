"""A scenario: one thing that must hold on every backend, and the rule that says so."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from adhelpers.plugins.capabilities import Capability
from adhelpers.plugins.contract import ADBackend
from adhelpers.testing.subject import Failure, NotConcerned, OutOfReach, Subject, section

RULES = {
    "R1": ("structure", "containers of x, u and f(x) match, and results have exactly their partner's"),
    "R2": ("leaves", "numbers and NumPy arrays become the backend's arrays; what it cannot differentiate is refused"),
    "R3": ("no silent casts", "u has exactly its partner's shape, dtype and device: nothing is broadcast or cast"),
    "R4": ("results", "each result leaf has exactly its partner's shape, dtype and device"),
    "R5": ("64 bits", "never narrowed silently, and no global setting is changed"),
    "R6": ("zeros", "what f does not depend on gives exact zeros, never None, and no warning"),
    "R7": ("products", "the JVP is the real-linear derivative, the VJP its transpose under Re(sum(a * b))"),
    "R8": ("purity", "x and u are never changed, and results share no memory with them or with one another"),
    "R9": ("calls", "f runs once per product, once in a reverse batched Jacobian, once per chunk in a forward one"),
    "R10": ("errors in f", "pass through unchanged, and leave no trace"),
    "R11": ("threads", "any number of threads may call any operation"),
    "R12": ("nesting", "any operation works inside any other, without confusion of perturbations"),
    "R13": ("u", "constant to an outer derivative, unless differentiate_u=True"),
    "R14": ("missing rules", "the other mode stands in, or UnsupportedOperationError says that none can"),
    "R15": ("context", "results stay attached to what f closes over"),
    "R16": ("loud", "what cannot be differentiated raises, and never gives a wrong number"),
    "R17": ("sizes", "arrays without elements or dimensions, empty containers, and batches of 0 and 1 work"),
    "R18": ("batched", "J is the Jacobian of each batch element, (M, N, B), in row-major order"),
    "R19": ("errors", "every error says what was received, what was expected, and what to type next"),
}
"""Each rule's short name, and what it says."""

SUITE_VERSION = 1


@dataclass(frozen=True)
class Scenario:
    """One thing that must hold.

    Attributes
    ----------
    name
        Unique, and never given to another scenario: `ADBackend.known_failures` and pinned suites rely on it.
    rule
        A key of `RULES`.
    check
        Raises `Failure` where the backend does not do what the rule says.
    needs
        The capabilities without which there is nothing to check.
    lacks
        The capability whose absence is checked; the scenario concerns backends that do not declare it.
    as_given
        Whether the backend is used as its users get it, instead of as its `double_precision` makes it.
    since
        The version of the suite in which it appeared.
    """

    name: str
    rule: str
    check: Callable[[Subject], None]
    needs: frozenset[Capability] = frozenset()
    lacks: Capability | None = None
    as_given: bool = False
    since: int = 1

    def why_not(self, backend: ADBackend) -> str | None:
        """Why the scenario does not concern `backend`, or None if it does."""
        missing = sorted(capability.value for capability in self.needs - backend.capabilities)
        if missing:
            return f"not declared: {', '.join(missing)}"
        if self.lacks in backend.capabilities:
            return f"{self.lacks.value} is declared"
        return None

    def run(self, backend: ADBackend) -> None:
        """Check `backend`; raise `Failure` with all that its author needs to know, or say why nothing was judged."""
        subject = Subject(backend if self.as_given else backend.double_precision())
        try:
            with warnings.catch_warnings(), subject.backend.scope():
                warnings.simplefilter("ignore")  # of an infinite slope, say; the rule about warnings looks for itself
                self.check(subject)
        except (OutOfReach, NotConcerned, KeyboardInterrupt):
            raise
        except Failure as failure:
            raise Failure(self._report(subject, str(failure))) from None
        except BaseException as error:  # SystemExit of a backend's own, for one
            raise Failure(self._report(subject, section("raised", _traceback(error)))) from error

    def _report(self, subject: Subject, findings: str) -> str:
        title, sentence = RULES[self.rule]
        return f"rule {self.rule} ({title}): {sentence}\nscenario {self.name}\n\n{subject.last_call}{findings}"


def _traceback(error: BaseException) -> str:
    """How `error` came about, from where the suite called the library."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = os.path.dirname(__file__)
    while frames and frames[0].filename.startswith(ours):
        del frames[0]
    return "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)]).rstrip()


class Catalogue(list[Scenario]):
    """The scenarios of one module, each added where its check is written."""

    def add(
        self,
        name: str,
        rule: str,
        needs: Iterable[Capability] = (),
        *,
        lacks: Capability | None = None,
        as_given: bool = False,
        since: int = 1,
    ) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
        """Decorate a check, which thereby becomes a scenario."""

        def decorate(check: Callable[[Subject], None]) -> Callable[[Subject], None]:
            self.append(Scenario(name, rule, check, frozenset(needs), lacks, as_given, since))
            return check

        return decorate
