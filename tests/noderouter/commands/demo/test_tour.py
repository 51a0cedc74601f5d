"""The demo as anybody runs it: all of its steps go well, and nothing is left of it.

Covers `service.py`, `stage.py`.
"""

import json
import signal
import socket
import subprocess
import sys
from time import monotonic, sleep
from urllib.request import urlopen

from tests.testing.ports import free_ports

LAST = "The router runs on"


def told(admin_port):
    """What the dashboard says of cart, once it has counted enough."""
    deadline = monotonic() + 60
    while monotonic() < deadline:
        with urlopen(f"http://127.0.0.1:{admin_port}/?as=json") as answer:
            found = [each["text"] for each in json.load(answer)["problems"] if each["what"] == "/svc/cart"]
        if found:
            return found[0]
        sleep(0.25)
    return "nothing"


def test_all_steps(tmp_path):
    port, admin_port = free_ports(2)
    places = ["--port", str(port), "--admin-port", str(admin_port), "--directory", str(tmp_path)]
    command = [sys.executable, "-m", "noderouter.cli", "demo", *places]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith(LAST):
                break
        said = told(admin_port)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    answers = [line.split(" ")[0] for line in lines if "(routed as" in line]
    assert [answer.rpartition("-")[0] for answer in answers] == ["hello", "world", "world", "hello"]
    assert "One endpoint of 3, 127.0.0.1:" in said
    assert "answers 503 to " in said
    assert "the other two fail none." in said
    assert "50 requests: 50 answered by hello-2, 0 failed" in lines
    assert (tmp_path / "noderouter.yaml").is_file()
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port)) != 0, "nobody listens any more"
