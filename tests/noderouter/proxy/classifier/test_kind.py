"""What all classifiers have in common."""

from noderouter.proxy.classifier.kind import ClassifierKind
from noderouter.schema.kind import kinds_in
from noderouter.schema.linkerd_keys import KINDS


def test_every_classifier_of_linkerd_is_built():
    built = kinds_in("noderouter.proxy.classifier", ClassifierKind).keys()
    assert built == KINDS["classifier"].keys()
