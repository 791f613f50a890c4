import os
import shutil

import pytest

from goldsmith.errors import HostError
from goldsmith.host.process import LocalHost


def test_a_fake_tool_tells_what_it_was_called_with(fake_tool):
    tool = fake_tool("greet", 'echo "hello $1"')
    host = LocalHost()
    assert host.run("greet", "big world", "", "-x").stdout == "hello big world\n"
    host.run("greet")
    host.run("greet", "line one\nline two")
    assert tool.calls == [["big world", "", "-x"], [], ["line one\nline two"]]


def test_a_tool_that_was_not_faked_is_not_there():
    with pytest.raises(HostError, match="qemu-img is not installed"):
        LocalHost().run("qemu-img", "--version")


def test_one_real_tool_can_be_asked_for(tool_on_path):
    tool_on_path("cat")
    assert LocalHost().run("cat", stdin="kept").stdout == "kept"
    assert shutil.which("ls") is None


def test_the_home_and_the_state_folder_belong_to_the_test(tmp_path):
    for name in ("HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "GOLDSMITH_STATE"):
        assert os.environ[name].startswith(str(tmp_path))


@pytest.mark.real
def test_a_real_test_sees_the_machine_but_not_the_users_state():
    assert shutil.which("ls")
    assert os.environ["GOLDSMITH_STATE"].startswith("/var/tmp/goldsmith-test-")
