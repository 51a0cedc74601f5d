import pytest

from dtab import Dtab, Failed, Pending
from noderouter.naming.files.content import MAX_FILE_BYTES
from noderouter.naming.interpreter.stored import DTAB, StoredDtab
from noderouter.naming.stored.text import HASH_LENGTH, TextError

ONE, TWO = Dtab.parse("/a => /b"), Dtab.parse("/a => /c")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"/a => /b ;\n", ONE),
        (b"", Dtab.EMPTY),
        (b"/a => /b ;\n/c\xff => /d", TextError("not UTF-8", 2, 3)),
        (b"#" * (MAX_FILE_BYTES + 1), TextError("larger than 512000 bytes")),
    ],
)
def test_what_a_text_is(data, found):
    assert DTAB.read(data) == found


def test_where_a_text_is_wrong():
    error = DTAB.read(b"/a => /b ;\n/c -> /d")
    assert isinstance(error, TextError)
    assert str(error).startswith("line 2, column 4: '=' expected")


def test_a_hash_names_what_a_dtab_says():
    assert DTAB.hash(ONE) == DTAB.hash(Dtab.parse("# comment\n/a=>/b ;"))
    assert DTAB.hash(ONE) != DTAB.hash(TWO)
    assert DTAB.hash(ONE + TWO) != DTAB.hash(TWO + ONE)
    assert len(DTAB.hash(ONE)) == HASH_LENGTH


def test_the_last_good_one_stays():
    stored = StoredDtab("here")
    assert (stored.dtab, stored.hash) == (None, None)
    assert stored.var.value == Pending()
    stored.apply(ONE)
    stored.refuse(TextError("wrong", 1, 2))
    assert (stored.dtab, stored.hash) == (ONE, DTAB.hash(ONE))
    assert (stored.applied, stored.refused) == (1, 1)
    stored.lack(TextError("gone"))
    assert stored.dtab == ONE
    stored.apply(Dtab.parse("/a => /b"))
    assert (stored.applied, stored.last_error) == (1, None)
    stored.apply(TWO)
    assert (stored.applied, stored.hash) == (2, DTAB.hash(TWO))


def test_where_nothing_was_ever_good():
    stored = StoredDtab("here")
    stored.refuse(TextError("wrong", 1, 2))
    assert stored.var.value == Failed("here: line 1, column 2: wrong")
    stored.lack(TextError("gone"))
    assert stored.var.value == Failed("here: line 1, column 2: wrong")
    assert str(stored.last_error) == "gone"


def test_what_is_refused_beside_an_empty_one_changes_nothing():
    stored = StoredDtab("here")
    stored.lack(TextError("not there yet"))
    assert stored.dtab == Dtab.EMPTY
    stored.refuse(TextError("wrong"))
    assert stored.dtab == Dtab.EMPTY
    assert str(stored.last_error) == "wrong"
