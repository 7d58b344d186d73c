"""``python -m adhelpers``: the command line."""

import sys

from adhelpers.command_line.main import main

sys.exit(main())
