import pytest

from dtab import Dtab, Failed, Pending
from noderouter.naming.files.content import MAX_FILE_BYTES
from noderouter.naming.interpreter.stored import HASH_LENGTH, DtabError, StoredDtab, hash_of, read_dtab

ONE, TWO = Dtab.parse("/a => /b"), Dtab.parse("/a => /c")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"/a => /b ;\n", ONE),
        (b"", Dtab.EMPTY),
        (b"/a => /b ;\n/c\xff => /d", DtabError("not UTF-8", 2, 3)),
        (b"#" * (MAX_FILE_BYTES + 1), DtabError("larger than 512000 bytes")),
    ],
)
def test_what_a_text_is(data, found):
    assert read_dtab(data) == found


def test_where_a_text_is_wrong():
    error = read_dtab(b"/a => /b ;\n/c -> /d")
    assert isinstance(error, DtabError)
    assert str(error).startswith("line 2, column 4: '=' expected")


def test_a_hash_names_what_a_dtab_says():
    assert hash_of(ONE) == hash_of(Dtab.parse("# comment\n/a=>/b ;"))
    assert hash_of(ONE) != hash_of(TWO)
    assert hash_of(ONE + TWO) != hash_of(TWO + ONE)
    assert len(hash_of(ONE)) == HASH_LENGTH


def test_the_last_good_one_stays():
    stored = StoredDtab("here")
    assert (stored.dtab, stored.hash) == (None, None)
    assert stored.var.value == Pending()
    stored.apply(ONE)
    stored.refuse(DtabError("wrong", 1, 2))
    assert (stored.dtab, stored.hash) == (ONE, hash_of(ONE))
    assert (stored.applied, stored.refused) == (1, 1)
    stored.lack(DtabError("gone"))
    assert stored.dtab == ONE
    stored.apply(Dtab.parse("/a => /b"))
    assert (stored.applied, stored.last_error) == (1, None)
    stored.apply(TWO)
    assert (stored.applied, stored.hash) == (2, hash_of(TWO))


def test_where_nothing_was_ever_good():
    stored = StoredDtab("here")
    stored.refuse(DtabError("wrong", 1, 2))
    assert stored.var.value == Failed("here: line 1, column 2: wrong")
    stored.lack(DtabError("gone"))
    assert stored.dtab == Dtab.EMPTY
    stored.refuse(DtabError("wrong"))
    assert stored.var.value == Failed("here: wrong")
