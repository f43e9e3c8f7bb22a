"""_proxy.py: a small HTTP proxy on a free port of 127.0.0.1: whole URLs, and CONNECT.

It prints its URL, then serves for as long as it lives. Every host is reached at 127.0.0.1, so that
names which do not exist show that it was the proxy who was asked. /log, asked of itself, has a line for each
request so far: the method and the target. With a word as argument it wants that as user and
password, "user:pass".
"""
import base64
import http.client
import socket
import sys
import threading
from urllib.parse import urlsplit

import _server

WANTED = "Basic " + base64.b64encode(sys.argv[1].encode()).decode() if len(sys.argv) > 1 else None


class Handler(_server.Handler):
    def refused(self):
        if WANTED in (None, self.headers["Proxy-Authorization"]):
            return False
        self.send_answer(407, headers=[("Proxy-Authenticate", "Basic realm=proxy")])
        return True

    def do_GET(self):
        if self.asks_for_log():
            return
        self.log.append(f"GET {self.path}")
        if self.refused():
            return
        url = urlsplit(self.path)
        there = http.client.HTTPConnection("127.0.0.1", url.port)
        there.request("GET", url.path, headers={name: self.headers[name] for name in self.headers
                                                if not name.lower().startswith("proxy-")})
        answer = there.getresponse()
        body = answer.read()
        self.send_answer(answer.status, body, [(name, value) for name, value in answer.getheaders()
                                               if name in ("ETag", "Accept-Ranges", "Content-Range")])
        there.close()

    def do_CONNECT(self):
        self.log.append(f"CONNECT {self.path}")
        self.close_connection = True
        if self.refused():
            return
        there = socket.create_connection(("127.0.0.1", int(self.path.rsplit(":", 1)[1])))
        self.send_response(200)
        self.end_headers()
        back = threading.Thread(target=self.pass_on, args=(there, self.connection), daemon=True)
        back.start()
        self.pass_on(self.connection, there)
        back.join()
        there.close()

    @staticmethod
    def pass_on(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


_server.serve(Handler)
