import pytest

from goldsmith.cli.main import run

from .shop import Shop


@pytest.fixture
def shop(tmp_path):
    """Give a catalog that the command line sees too."""
    return Shop(tmp_path)


@pytest.fixture
def call(capfd):
    """Run ``goldsmith ...`` and return its exit code, stdout and stderr."""

    def call(*argv):
        code = run([str(one) for one in argv])
        said = capfd.readouterr()
        return code, said.out, said.err

    return call
