"""What is wrong is said once for each object, and again when it was right in between."""

from noderouter.interception.control.log_once import LogOnce
from tests.noderouter.naming.fakes import Log


def test_once_for_each_and_again_after_it_was_right():
    log = Log()
    complaints = LogOnce(log, "odd")
    for wrong in ({"a": "x"}, {"a": "x", "b": "x"}, {"a": "y", "b": "x"}, {}, {"b": "x"}):
        complaints.update(wrong)
    assert log.events == ["odd"] * 4
    assert [(each["object"], each["reason"]) for each in log.fields] == [("a", "x"), ("b", "x"), ("a", "y"), ("b", "x")]
