"""Reason phrases, the same on every version of Python."""

import pytest

from noderouter.proxy.http.status import phrase


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, b"OK"),
        (413, b"Content Too Large"),
        (414, b"URI Too Long"),
        (421, b"Misdirected Request"),
        (422, b"Unprocessable Content"),
        (431, b"Request Header Fields Too Large"),
        (599, b"Error"),
    ],
)
def test_phrases(status, words):
    assert phrase(status) == words
