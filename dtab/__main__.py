"""`python -m dtab`."""

import sys

from dtab.cli import main

sys.exit(main())
