#!/usr/bin/python3
"""The row `http_server` in nginx.

A worker process per worker and the master that looks after them, as it is run everywhere. The answer
stands in the configuration (`return`), so no file is opened for it; nothing is logged, and a
connection is kept for as many requests as come.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import load

CONFIGURATION = """
worker_processes {workers};
daemon off;
pid {directory}/pid;
error_log {directory}/error crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type text/plain;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{ return 200 "Hello, world!"; }}
    }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def start(directory, workers, processors, port):
    """The master, as soon as it listens."""
    path = os.path.join(directory, "nginx.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(CONFIGURATION.format(workers=workers, directory=directory, port=port))
    master = subprocess.Popen(
        [shutil.which("nginx", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", "")), "-p", directory, "-c", path],
        preexec_fn=lambda: os.sched_setaffinity(0, processors))
    for _ in range(1000):
        if master.poll() is not None:
            sys.exit("nginx: does not start")
        if answers(port):
            return master
        time.sleep(0.01)
    sys.exit("nginx: does not listen")


def main():
    row, workers, quick = load.parse("nginx", ["http_server"], sys.argv[1:])
    processors, spare = load.processors(workers)
    with tempfile.TemporaryDirectory(prefix="sley-bench-nginx-") as directory:
        os.chmod(directory, 0o755)  # its workers may be another user
        port = free_port()
        master = start(directory, workers, processors, port)
        try:
            return load.run(row, port, master.pid, spare, quick)
        finally:
            master.send_signal(signal.SIGTERM)
            master.wait()


sys.exit(main())
