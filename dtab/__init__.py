"""The dtab language of Finagle and Linkerd 1 as a pure library: no clock, no I/O, nothing but the standard library.

A *name* (`Path`) such as `/svc/hello` is rewritten by a *delegation table* (`Dtab`) until namers recognise it.
`bind` does that and answers a `Delegation`: the concrete names, and every step that led to them.

    path        names                          grammar     text -> trees and dtabs
    prefix      what a dentry compares         scanner     characters, and the texts of errors
    tree        name trees, and their algebra  binder      bind: the rewriting itself
    dtab        dentries and tables            delegation  what a binding did, as nodes and JSON
    index       which dentries match           result      what lookups answer
    limits      what a binding may cost        path_matcher  patterns with captures
    utility     the namers below /$/
    lint        what is odd about a dtab       symbolic    answers where there are no namers
    cli         python -m dtab
"""

from dtab.binder import Answer, Lookup, bind
from dtab.delegation import Delegation
from dtab.dtab import Dentry, Dtab
from dtab.limits import Limits
from dtab.path import Path
from dtab.path_matcher import PathMatcher
from dtab.prefix import Prefix
from dtab.result import Bound, Failed, Ok, Pending
from dtab.scanner import ParseError
from dtab.tree import EMPTY, FAIL, NEG, Alt, Leaf, NameTree, Union, Weighted

__all__ = [
    "EMPTY",
    "FAIL",
    "NEG",
    "Alt",
    "Answer",
    "Bound",
    "Delegation",
    "Dentry",
    "Dtab",
    "Failed",
    "Leaf",
    "Limits",
    "Lookup",
    "NameTree",
    "Ok",
    "ParseError",
    "Path",
    "PathMatcher",
    "Pending",
    "Prefix",
    "Union",
    "Weighted",
    "bind",
]
