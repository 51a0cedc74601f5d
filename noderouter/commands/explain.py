"""`noderouter explain`: what a configuration would be made into. Opens no port, starts no watch, writes no file."""

import json
import sys

from noderouter.assembly.stacks import stacks_of_config
from noderouter.config.validate import load
from noderouter.schema.problem import ConfigError


def explain_stacks(path: str) -> int:
    """Print the stacks of every router, as `/admin/stacks` shows them; answers the exit code."""
    try:
        config = load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(stacks_of_config(config), indent=2))
    return 0
