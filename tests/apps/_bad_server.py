"""_bad_server.py HOW [N]: a server on a free port of 127.0.0.1 that does wrong in one way.

It prints its URL, then answers for as long as it lives. The first N requests (default 0) of paths
ending in .gif are answered well, with a small GIF; HOW tells what becomes of the others:

  reset     the connection is reset instead of an answer
  close     the connection is closed instead of an answer
  stall     nothing at all is sent, the connection stays open
  stall-body  the header and half of the body are sent, then nothing
  cut       the connection is closed in the middle of the body
  garbage   what is sent is not HTTP
  empty     200 with an empty body
  html      200 with a page instead of an image
  huge      200 with a body of 64 MiB
  loop      a redirect to itself
  status    503
  good      all answers are good; metadata are whatever N is, literally
"""
import socket
import struct
import sys
import threading

GIF = b"GIF89a" + bytes(range(256))


def answer(body, status="200 OK", headers="", length=None):
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n"
    return head.encode() + body


class Server:
    def __init__(self, how, good, metadata):
        self.how, self.good, self.metadata = how, good, metadata
        self.lock = threading.Lock()
        self.kept = []  # connections that stay open for good

    def reply(self, conn, path):
        """Answers one request. False: the connection is done with."""
        if self.how == "good" and path.endswith(".json"):
            conn.sendall(answer(self.metadata))
            return True
        if path.endswith(".gif"):
            with self.lock:
                self.good -= 1
                if self.good >= 0 or self.how == "good":
                    conn.sendall(answer(GIF))
                    return True
        return getattr(self, self.how.replace("-", "_"))(conn, path)

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
    how = sys.argv[1]
    metadata = sys.argv[2].encode() if how == "good" else b""
    good = int(sys.argv[2]) if len(sys.argv) > 2 and how != "good" else 0
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = Server(how, good, metadata)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/flags", flush=True)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=server.serve, args=(conn,), daemon=True).start()


main()
