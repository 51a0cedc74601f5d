"""What all classifiers have in common."""

from noderouter.classifier.kind import ClassifierKind
from noderouter.config.kind import kinds_in
from noderouter.config.known import KINDS


def test_every_http_classifier_of_linkerd_is_built():
    built = kinds_in("noderouter.classifier", ClassifierKind).keys()
    assert built == {name for name in KINDS["classifier"] if name.startswith("io.l5d.http.")}
