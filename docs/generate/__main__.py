"""Makes what is generated anew: `python -m docs.generate`; with `--check` it only says what is out of date."""

import argparse
from collections.abc import Sequence

from docs.generate.pages import DOCS, pages


def main(argv: Sequence[str] | None = None) -> int:
    """Write each page and picture that has changed, or name it; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if something would change")
    check = parser.parse_args(argv).check
    stale = [(DOCS / name, text) for name, text in pages().items() if _read(name) != text]
    for path, text in stale:
        print(f"docs/{path.name} {'is out of date' if check else 'written'}")
        if not check:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(stale))


def _read(name: str) -> str | None:
    path = DOCS / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    raise SystemExit(main())
