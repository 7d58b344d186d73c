"""A scenario: one thing that must hold on every backend, and the rule that says so."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from adhelpers import ADBackend, Capability
from adhelpers.testing.rules import RULES
from adhelpers.testing.subject import Failure, NotConcerned, OutOfReach, Subject, section

SUITE_VERSION = 2


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
            raise failure.after(self._report(subject, "")) from failure.__cause__
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
