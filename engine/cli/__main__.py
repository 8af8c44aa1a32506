"""`python -m engine.cli`: the `engine` command."""

import sys

from engine.cli.start import main

sys.exit(main())
