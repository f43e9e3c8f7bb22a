"""_bad_server.py: a server on a free port of 127.0.0.1 that does wrong in whatever way it is asked.

It prints its URL, then answers for as long as it lives. The path says how: /HOW:ARG:ANY/flags/...,
where ANY makes one test's URL another than the next one's. The first ARG requests for a .gif below
such a path are answered well, with a small GIF; HOW tells what becomes of the others:

  reset     the connection is reset instead of an answer
  close     the connection is closed instead of an answer
  stall     nothing at all is sent, the connection stays open
  stall-body  the header and half of the body are sent, then nothing
  cut       the connection is closed in the middle of the body
  garbage   what is sent is not HTTP
  empty     200 with an empty body
  html      200 with a page instead of an image
  begun     200 without a length, closed in the middle of the image
  huge      200 with a body of 64 MiB
  loop      a redirect to itself
  status    503
  good      all answers are good; the metadata are what the file ARG holds
"""
import socket
import struct
import threading

GIF = b"GIF89a" + bytes(range(256)) + b";"


def answer(body, status="200 OK", headers="", length=None):
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n"
    return head.encode() + body


class Server:
    def __init__(self):
        self.lock = threading.Lock()
        self.answered = {}  # by the first part of the path: good answers so far
        self.kept = []  # connections that stay open for good

    def is_good(self, key, arg, path):
        with self.lock:
            self.answered[key] = self.answered.get(key, 0) + 1
            return path.endswith(".gif") and self.answered[key] <= int(arg)

    def reply(self, conn, path):
        """Answers one request. False: the connection is done with."""
        key = path.split("/")[1]
        how, arg, _ = key.split(":")
        if how == "good" and path.endswith(".json"):
            with open(arg, "rb") as metadata:
                conn.sendall(answer(metadata.read()))
            return True
        if how == "good" or self.is_good(key, arg, path):
            conn.sendall(answer(GIF))
            return True
        return getattr(self, how.replace("-", "_"))(conn, path)

    def reset(self, conn, path):
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def close(self, conn, path):
        return False

    def stall(self, conn, path):
        self.kept.append(conn)
        threading.Event().wait()

    def stall_body(self, conn, path):
        conn.sendall(answer(GIF[:20], length=len(GIF)))
        self.stall(conn, path)

    def cut(self, conn, path):
        conn.sendall(answer(GIF[:20], length=len(GIF)))
        return False

    def garbage(self, conn, path):
        conn.sendall(b"\x00\xffthis is no HTTP\r\n" * 20)
        return False

    def empty(self, conn, path):
        conn.sendall(answer(b""))
        return True

    def begun(self, conn, path):
        conn.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + GIF[:20])

    def html(self, conn, path):
        conn.sendall(answer(b"<!DOCTYPE html><title>Please log in</title>"))
        return True

    def huge(self, conn, path):
        conn.sendall(answer(GIF, length=64 << 20))
        try:
            for _ in range(64 << 10):
                conn.sendall(bytes(1024))
        except OSError:
            pass
        return False

    def loop(self, conn, path):
        conn.sendall(answer(b"", "302 Found", f"Location: {path}\r\n"))
        return True

    def status(self, conn, path):
        conn.sendall(answer(b"no", "503 Service Unavailable"))
        return True

    def serve(self, conn):
        """All requests of one connection."""
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    piece = conn.recv(65536)
                    if not piece:
                        return
                    data += piece
                head, data = data.split(b"\r\n\r\n", 1)
                if not self.reply(conn, head.split()[1].decode()):
                    return
        except OSError:
            pass
        finally:
            conn.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = Server()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=server.serve, args=(conn,), daemon=True).start()


main()
