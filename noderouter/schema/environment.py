"""What the configuration takes from the environment of the process, such as the name of the node."""

import os


class EnvironmentMissing(Exception):
    """A variable is needed and not set; the message has its name and purpose. Ends the start."""


def required(name: str, what: str) -> str:
    """Return the value of a variable.

    Raises:
        EnvironmentMissing: it is not set, or empty.
    """
    value = os.environ.get(name)
    if not value:
        raise EnvironmentMissing(f"{name} env variable must be set to {what}")
    return value
