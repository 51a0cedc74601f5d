"""One JSON object a line, whatever is logged; a reader that has gone is no failure."""

import io
import json
import os
import re

from noderouter.interception.keeper.log import Log, lost


def test_lines():
    stream = io.StringIO()
    log = Log(stream)
    log.info("intercept.armed", pods=2)
    log.warning("intercept.failed", error="two\nlines", path=os.path)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["level"], first["pods"]) == ("intercept.armed", "info", 2)
    assert (second["level"], second["error"]) == ("warning", "two\nlines")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["timestamp"])


def test_a_reader_that_has_gone():
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    Log(stream).info("intercept.armed")
    try:
        stream.close()
    except BrokenPipeError:
        pass


def test_the_line_about_lines_that_were_dropped():
    line = json.loads(lost(3))
    assert (line["event"], line["lines"]) == ("log.dropped", 3)
