"""An option for tests that hold rendered text equal to files of the repository."""

import pytest

from tests.charts.helm import Helm
from tests.cluster.binaries import MissingCommand


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write what is rendered over the files that it is compared with"
    )


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether files are to be written; the option is unknown where these tests are not named on the command line."""
    return bool(request.config.getoption("--update-golden", default=False))


@pytest.fixture(scope="session")
def helm() -> Helm:
    """The real helm; skips where it is not built."""
    try:
        return Helm.found()
    except MissingCommand as error:
        pytest.skip(str(error))
