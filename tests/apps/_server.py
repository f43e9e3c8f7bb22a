"""_server.py: what the servers of the tests have in common: HTTP/1.1 on a free port of 127.0.0.1."""
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log = []  # a line for each request, for /log

    def log_message(self, *_):
        pass

    def send_answer(self, status, body=b"", headers=()):
        """All of an answer whose body is there."""
        self.send_head(status, headers, ("Content-Length", str(len(body))))
        self.wfile.write(body)

    def send_head(self, status, headers, length):
        self.send_response(status)
        for name, value in (*headers, length):
            self.send_header(name, value)
        self.end_headers()

    def asks_for_log(self):
        """Answers it, if so."""
        if self.path != "/log":
            return False
        self.send_answer(200, "".join(f"{line}\n" for line in self.log).encode())
        return True


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


def serve(handler):
    """Prints its URL, then answers for as long as the process lives."""
    server = Server(("127.0.0.1", 0), handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
