"""A key of the configuration that names a file or a directory."""

import os
from typing import Annotated

from noderouter.schema.kind import AfterValidator


def _absolute(path: str) -> str:
    """Where the process is started decides what a relative path means, once and for all."""
    if not path:
        raise ValueError("the path is empty")
    try:
        usable = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise ValueError("no file can have this name")
    return os.path.abspath(path)


FilePath = Annotated[str, AfterValidator(_absolute)]
"""A path in the file system; absolute once it is checked."""
