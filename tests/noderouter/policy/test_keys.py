"""Each key with what is written there."""

import pytest

from noderouter.naming.stored.text import TextError
from noderouter.policy.follower.fs import Fs
from noderouter.policy.keys import LANGUAGES
from tests.noderouter.policy.test_model import DESIGNED


def test_policies_have_a_hash_and_a_size():
    language = LANGUAGES["policies"]
    read = language.read(DESIGNED.encode())
    assert language.size(read) == 2
    assert language.hash(read) == language.hash(language.read(b"# why\n" + DESIGNED.encode()))
    assert language.hash(read) != language.hash(language.empty)


@pytest.mark.parametrize("key", LANGUAGES)
def test_what_is_read_without_a_text_is_empty(key):
    language = LANGUAGES[key]
    assert language.read(b"") == language.empty
    assert language.size(language.empty) == 0
    assert isinstance(language.read(b"{}"), TextError)


@pytest.mark.parametrize("key", LANGUAGES)
def test_there_may_be_a_file_for_each(key):
    assert f"{key}File" in Fs.names()
