"""A scenario: one test of every backend, and the rule that it tests."""

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
    """One test of a backend.

    Attributes
    ----------
    name
        Unique, and never given to another scenario: `ADBackend.known_failures` and pinned suites rely on it.
    rule
        A key of `RULES`.
    check
        Raises `Failure` if the backend breaks the rule.
    needs
        The capabilities that the scenario needs.
    lacks
        The scenario runs only on backends that do not declare this capability.
    as_given
        Whether the backend is tested as users get it, without its `double_precision`.
    since
        The first version of the suite with this scenario.
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
        """Check `backend`; raise `Failure` with a full report, or `OutOfReach` or `NotConcerned` if not judged."""
        subject = Subject(backend if self.as_given else backend.double_precision())
        try:
            with warnings.catch_warnings(), subject.backend.scope():
                warnings.simplefilter("ignore")  # of an infinite slope, say; scenarios about warnings check them
                self.check(subject)
        except (OutOfReach, NotConcerned, KeyboardInterrupt):
            raise
        except Failure as failure:
            raise failure.after(self._report(subject, "")) from failure.__cause__
        except BaseException as error:  # also a backend's SystemExit
            raise Failure(self._report(subject, section("raised", _traceback(error)))) from error

    def _report(self, subject: Subject, findings: str) -> str:
        title, sentence = RULES[self.rule]
        return f"promise {self.rule} ({title}): {sentence}\nscenario {self.name}\n\n{subject.last_call}{findings}"


def _traceback(error: BaseException) -> str:
    """The traceback of `error`, from the suite's call of the library on."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = os.path.dirname(__file__)
    while frames and frames[0].filename.startswith(ours):
        del frames[0]
    return "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)]).rstrip()


class Catalogue(list[Scenario]):
    """The scenarios of one module; each is added beside its check."""

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
        """Decorate a check to make it a scenario."""

        def decorate(check: Callable[[Subject], None]) -> Callable[[Subject], None]:
            self.append(Scenario(name, rule, check, frozenset(needs), lacks, as_given, since))
            return check

        return decorate
