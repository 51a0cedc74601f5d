"""Builds the image and prints where it is (`make image`)."""

import sys

from tests.image.build import image
from tests.image.engine import Unavailable


def main() -> int:
    """Build, and say why not where that cannot be done."""
    try:
        print(image())
    except Unavailable as error:
        print(f"no image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
