"""``python -m agentops.cli`` is ``agentops``."""

import sys

from agentops.cli import main

sys.exit(main())
