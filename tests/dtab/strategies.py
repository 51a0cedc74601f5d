"""Random names, trees and tables, over few labels so that they meet each other."""

from typing import Any

from hypothesis import strategies as st

from dtab import EMPTY, FAIL, NEG, Alt, Dentry, Dtab, Leaf, NameTree, Path, Prefix, Union, Weighted

few_labels = st.sampled_from([b"a", b"b", b"c"])
any_labels = st.binary(min_size=1, max_size=4) | few_labels

few_paths = st.lists(few_labels, max_size=3).map(lambda labels: Path(tuple(labels)))
any_paths = st.lists(any_labels, max_size=4).map(lambda labels: Path(tuple(labels)))

weights = st.integers(0, 9).map(float) | st.integers(0, 1000).map(lambda cents: cents / 100) | st.floats(0, 1e9)


def trees(
    paths: st.SearchStrategy[Path], *, parsed: bool = True, unions: bool = True
) -> st.SearchStrategy[NameTree[Any]]:
    """Trees; `parsed` ones only as a parser makes them (no Alt or Union of fewer than two)."""
    least = 2 if parsed else 0

    def inside(tree: st.SearchStrategy[NameTree[Any]]) -> st.SearchStrategy[NameTree[Any]]:
        alternatives = st.lists(tree, min_size=least, max_size=3).map(lambda all_of: Alt(tuple(all_of)))
        branches = st.lists(st.builds(Weighted, weights, tree), min_size=least, max_size=3)
        return alternatives | branches.map(lambda all_of: Union(tuple(all_of))) if unions else alternatives

    return st.recursive(paths.map(Leaf) | st.sampled_from([NEG, EMPTY, FAIL]), inside, max_leaves=6)


few_prefixes = st.lists(few_labels | st.none(), max_size=3).map(lambda elements: Prefix(tuple(elements)))
any_prefixes = st.lists(any_labels | st.none(), max_size=4).map(lambda elements: Prefix(tuple(elements)))

any_dtabs = st.lists(st.builds(Dentry, any_prefixes, trees(any_paths)), max_size=5).map(Dtab)
few_dtabs = st.lists(st.builds(Dentry, few_prefixes, trees(few_paths)), max_size=8).map(Dtab)
