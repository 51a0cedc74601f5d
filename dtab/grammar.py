"""From text to trees and dtabs.

    dtab  := [ dentry { ';' dentry } [ ';' ] ]       dentry := prefix '=>' tree
    tree  := union { '|' union }                     union  := branch { '&' branch }
    branch := [ number '*' ] ( '(' tree ')' | path | '!' | '~' | '$' )

Blanks and comments may stand before and after every element. A union or an alternative of one element is that
element; its weight is dropped. Nesting is bounded, so no text can exhaust the stack.
"""

from typing import Final, NamedTuple

from dtab.path import Path
from dtab.prefix import Prefix
from dtab.scanner import Scanner
from dtab.tree import DEFAULT_WEIGHT, EMPTY, FAIL, NEG, Alt, Leaf, NameTree, Union, Weighted

MAX_NESTING: Final = 100
"""Parentheses inside parentheses; each costs a stack frame here, and in every method of the tree."""

_SYMBOLS: Final = {"!": FAIL, "~": NEG, "$": EMPTY}


class Located(NamedTuple):
    """A dentry as read, and where in the text it begins and ends, blanks around it not counted."""

    prefix: Prefix
    tree: NameTree[Path]
    offset: int
    end: int


def parse_tree(text: str) -> NameTree[Path]:
    """Read a whole text as a tree.

    Raises:
        ParseError: it is none.
    """
    scanner = Scanner(text)
    tree = _tree(scanner, 0)
    scanner.require_end()
    return tree


def parse_dentry(text: str) -> Located:
    """Read a whole text as one dentry.

    Raises:
        ParseError: it is none.
    """
    scanner = Scanner(text)
    located = _dentry(scanner)
    scanner.require_end()
    return located


def parse_dentries(text: str) -> list[Located]:
    """Read a whole text as a dtab.

    Raises:
        ParseError: it is none.
    """
    return read_dentries(Scanner(text))


def read_dentries(scanner: Scanner) -> list[Located]:
    """Read all that `scanner` has as a dtab; it then knows the comments.

    Raises:
        ParseError: it is none.
    """
    dentries: list[Located] = []
    scanner.skip_blank()
    while scanner.peek():
        dentries.append(_dentry(scanner))
        if not scanner.take(";"):
            scanner.require_end()
        scanner.skip_blank()
    return dentries


def _dentry(scanner: Scanner) -> Located:
    scanner.skip_blank()
    offset = scanner.position
    prefix = Prefix(scanner.prefix_elements())
    scanner.skip_blank()
    scanner.require("=")
    scanner.require(">")
    tree = _tree(scanner, 0)
    return Located(prefix, tree, offset, scanner.last_end)


def _tree(scanner: Scanner, nesting: int) -> NameTree[Path]:
    """Read alternatives of unions of branches, and the blanks behind; the only function here that recurses."""
    alternatives: list[NameTree[Path]] = []
    while True:
        branches: list[Weighted[Path]] = []
        while True:
            scanner.skip_blank()
            weight = scanner.weight()
            if scanner.peek() == "(":
                if nesting == MAX_NESTING:
                    scanner.expected(f"at most {MAX_NESTING} nested parentheses")
                scanner.take("(")
                tree = _tree(scanner, nesting + 1)
                scanner.require(")")
            else:
                tree = _simple(scanner)
            branches.append(Weighted(DEFAULT_WEIGHT if weight is None else weight, tree))
            scanner.skip_blank()
            if not scanner.take("&"):
                break
        alternatives.append(branches[0].tree if len(branches) == 1 else Union(tuple(branches)))
        if not scanner.take("|"):
            return alternatives[0] if len(alternatives) == 1 else Alt(tuple(alternatives))


def _simple(scanner: Scanner) -> NameTree[Path]:
    character = scanner.peek()
    if character == "/":
        return Leaf(Path(scanner.labels()))
    symbol = _SYMBOLS.get(character)
    if symbol is None:
        scanner.expected("simple")
    scanner.take(character)
    return symbol
