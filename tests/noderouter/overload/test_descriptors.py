"""Places for clients: never none, and never more than there are descriptors for."""

import json
import resource
import subprocess
import sys

import pytest

CHILD = """
import json, resource, sys
from noderouter.overload.descriptors import places_for_clients
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
json.dump([places_for_clients(), *resource.getrlimit(resource.RLIMIT_NOFILE)], sys.stdout)
"""


@pytest.mark.parametrize(("soft", "hard"), [(32, 32), (64, 256), (256, 1024)])
def test_two_descriptors_for_each_and_some_aside(soft, hard):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip(f"the limit of descriptors here is below {hard}")
    done = subprocess.run([sys.executable, "-c", CHILD, str(soft), str(hard)], stdout=subprocess.PIPE, check=True)
    places, raised, most = json.loads(done.stdout)
    assert (raised, most) == (hard, hard), "all that the system lets us have is taken"
    assert 1 <= places <= hard // 2
    assert hard - 2 * places >= min(128, hard // 2)
