"""Usage errors of the command line: a message of one line, and exit status 2."""

from __future__ import annotations

import argparse
from typing import NoReturn


class UsageError(Exception):
    """The command cannot run as typed; the message is one line."""


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of printing its usage and exiting."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` with what is wrong, and a pointer to the help."""
        msg = f"{message}; `{self.prog} --help` shows what you can type"
        raise UsageError(msg)
