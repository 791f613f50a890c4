"""The real Glance that other tests and `make glance` run."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import glance_server
import pytest

pytestmark = pytest.mark.real


def test_a_glance_for_people_answers_by_the_clouds_file_it_prints_and_goes_with_its_data(tmp_path):
    port = glance_server.free_port()
    run = subprocess.Popen(
        [sys.executable, glance_server.__file__, "--port", str(port), "--folder", tmp_path / "data"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert run.stdout
        shown = ""
        for line in run.stdout:
            shown += line
            if "Ctrl-C" in line:
                break
        assert f"image_endpoint_override: http://127.0.0.1:{port}\n" in shown
        assert f"export OS_CLIENT_CONFIG_FILE={tmp_path}/data/clouds.yaml" in shown
        url = f"http://127.0.0.1:{port}/v2/images"
        asked = urllib.request.Request(url, headers={"X-Auth-Token": "me:images:member"})
        with urllib.request.urlopen(asked) as answer:
            assert json.load(answer)["images"] == []
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url)
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == 0
        with pytest.raises(urllib.error.URLError, match="refused"):
            urllib.request.urlopen(url)
    finally:
        if run.poll() is None:
            os.kill(run.pid, signal.SIGTERM)
            run.wait()
