"""How the command line refuses what was typed."""

from __future__ import annotations

import pytest

from adhelpers.command_line.usage import Parser, UsageError


def test_parser_raises_what_it_would_have_printed(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(prog="adhelpers backends")
    with pytest.raises(
        UsageError, match="^unrecognized arguments: --all; `adhelpers backends --help` shows what you can"
    ):
        parser.parse_args(["--all"])
    assert capsys.readouterr() == ("", "")
