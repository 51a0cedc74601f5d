"""A small HTTP server as a workload: `deployment(...)` and what it answers."""

from typing import Any

Object = dict[str, Any]

SERVER = """
import http.server, os, signal, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        if self.path != "/ready":
            time.sleep(float(os.environ.get("TAKES", "0")))
        good = self.path != "/ready" or not os.path.exists("/tmp/unready")
        body = (os.environ.get("SAY", "hello") + " from " + os.environ.get("POD", "") + "\\n").encode()
        self.send_response(200 if good else 503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("", 8080), Handler)
def stop(*_):
    print("SIGTERM", flush=True)
    threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, stop)
print("listening", flush=True)
server.serve_forever()
print("ended", flush=True)
"""


CLIENT = {"name": "main", "image": "client", "imagePullPolicy": "IfNotPresent"}


def container(**more: Any) -> Object:
    """A container that listens on 8080, is ready as long as it has no /tmp/unready, and ends on SIGTERM."""
    return {
        "name": "hello",
        "image": "python",
        "imagePullPolicy": "IfNotPresent",
        "args": ["-c", SERVER],
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1},
        **more,
    }


def pod(name: str, *containers: Object, **spec: Any) -> Object:
    """A pod by itself; without containers it sleeps."""
    sleeper = {**CLIENT, "command": ["sleep", "infinity"]}
    settings = {"containers": list(containers) or [sleeper], "terminationGracePeriodSeconds": 0, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": settings}


def workload(kind: str, name: str, *containers: Object, **spec: Any) -> Object:
    """A Deployment or DaemonSet of `containers`; `replicas` in `spec` is the workload's, the rest the pods'."""
    own = {"replicas": spec.pop("replicas")} if "replicas" in spec else {}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": list(containers), **spec}}
    body = {"selector": {"matchLabels": {"app": name}}, "template": template, **own}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": body}


def service(name: str, **spec: Any) -> Object:
    """A Service of the pods labelled `app: name`: port 80 to their port `http`."""
    body = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": body}
