"""``python -m adhelpers``: the command line."""

import sys

from adhelpers.cli import main

sys.exit(main())
