"""How the command line refuses what was typed: by one line, and exit status 2."""

from __future__ import annotations

import argparse
from typing import NoReturn


class UsageError(Exception):
    """What the user typed cannot be done; the message is one line."""


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of printing its usage and exiting."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and where to read on."""
        msg = f"{message}; `{self.prog} --help` shows what can be typed"
        raise UsageError(msg)
