"""Builds the image, and prints where its archive and the list of what is in it are (`make image`)."""

import sys

from tests.image.build import image, list_of
from tests.image.engine import Unavailable


def main() -> int:
    """Build, and say why not where that cannot be done."""
    try:
        made = image()
        print(made, list_of(made), sep="\n")
    except Unavailable as error:
        print(f"no image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
