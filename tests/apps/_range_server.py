"""_range_server.py: a server of files on a free port of 127.0.0.1 that knows ranges, and ways to fail.

It prints its URL, then answers for as long as it lives. A path is /HOW:N:ANY/SEED-SIZE[.SUFFIX]: a
file of SIZE bytes that follow from SEED. HOW tells what becomes of the first N requests for it; ANY
makes one test's URL another than the next one's:

  good      nothing: it is answered as all later requests are, with a strong ETag and ranges
  cut       half of what was asked for is sent, then the connection is closed
  reset     the connection is reset
  stall     half is sent, then nothing
  busy      429 with "Retry-After: 0"
  late      503 with a date of the past as Retry-After
  never     429 with "Retry-After: 86400"
  error     500
  missing   404
  crowd     429 to whoever comes while N others are being answered
  change    cut; from then on it is another version, with another ETag
  liar      cut; from then on a range begins 1 byte too late
  other     cut; from then on a range has another ETag
  swap      nothing; but then it is another version, with another ETag
  deaf      cut; ranges are not known
  bare      cut; neither ETag nor date
  weak      cut; a weak ETag
  dated     cut; a date instead of an ETag
  chunked   cut; without a length
  redirect  each request is sent to good:0
  packed    good, and compressed for who asks for it
  echo      the body is the head of the request

/log has a line for each request: the path, its Range or "-", its If-Range or "-".
"""
import gzip
import random
import socket
import struct
import threading

import _server

lock = threading.Lock()
asked = {}  # by path: requests so far
active = {}  # by directory
LONG_AGO = "Sat, 01 Jan 2000 00:00:00 GMT"


def body_of(seed, size):
    return random.Random(seed).randbytes(int(size))


class Handler(_server.Handler):
    def answer(self, status, body, headers=(), cut=False, stall=False):
        sent, length = body, ("Content-Length", str(len(body)))
        if self.how == "chunked" and status == 200:
            sent, length = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), ("Transfer-Encoding", "chunked")
        self.send_head(status, headers, length)
        self.wfile.write(sent[:len(sent) // 2] if cut or stall else sent)
        if stall:
            self.wfile.flush()
            threading.Event().wait()
        if cut:
            self.close_connection = True

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def do_GET(self):
        if self.asks_for_log():
            return
        directory, name = self.path[1:].split("/", 1)
        self.how, number, _ = directory.split(":")
        with lock:
            self.log.append(f"{self.path} {self.headers['Range'] or '-'} {self.headers['If-Range'] or '-'}")
            asked[self.path] = self.nth = asked.get(self.path, 0) + 1
            active[directory] = active.get(directory, 0) + 1
            crowd = active[directory] > int(number)
        self.bad = self.nth <= int(number)
        try:
            if self.how == "crowd" and crowd:
                self.answer(429, b"")
            else:
                self.file(*name.split(".")[0].split("?")[0].split("-"))
        except OSError:
            self.close_connection = True
        finally:
            with lock:
                active[directory] -= 1

    def refusal(self):
        """What HOW answers instead of the file, if it does."""
        return {
            "busy": (429, [("Retry-After", "0")]), "late": (503, [("Retry-After", LONG_AGO)]),
            "never": (429, [("Retry-After", "86400")]), "error": (500, []), "missing": (404, []),
        }.get(self.how)

    def file(self, seed, size):
        if self.how == "redirect":
            self.answer(302, b"", [("Location", "/good:0:r/" + self.path.rsplit("/", 1)[1])])
        elif self.how == "echo":
            self.answer(200, (self.requestline + "\n" + str(self.headers)).encode())
        elif self.bad and self.how == "reset":
            self.reset()
        elif self.bad and self.refusal():
            status, headers = self.refusal()
            self.answer(status, b"no", headers)
        else:
            changed = self.how in ("change", "swap") and not self.bad
            self.send_file(body_of(seed + "x" if changed else seed, size), changed)

    def send_file(self, body, changed):
        etag = '"new"' if changed else '"old"'
        headers = {
            "bare": [], "weak": [("ETag", 'W/"old"')], "dated": [("Last-Modified", LONG_AGO)],
        }.get(self.how, [("ETag", etag)])
        cut = self.bad and self.how in ("cut", "change", "liar", "other", "deaf", "bare", "weak", "dated", "chunked")
        stall = self.bad and self.how == "stall"
        if self.how == "packed" and "gzip" in (self.headers["Accept-Encoding"] or ""):
            self.answer(200, gzip.compress(body), [*headers, ("Content-Encoding", "gzip")])
            return
        wanted, condition = self.headers["Range"], self.headers["If-Range"]
        known = condition in (None, etag, LONG_AGO if self.how == "dated" else etag)
        if not wanted or not known or self.how == "deaf":
            self.answer(200, body, [*headers, ("Accept-Ranges", "bytes")], cut, stall)
            return
        first, last = wanted.split("=")[1].split("-")
        first, last = int(first), min(int(last or len(body) - 1), len(body) - 1)
        if first > last:
            self.answer(416, b"", [("Content-Range", f"bytes */{len(body)}")])
            return
        if self.how == "liar":
            first += 1
        if self.how == "other":
            headers = [("ETag", '"other"')]
        headers = [*headers, ("Content-Range", f"bytes {first}-{last}/{len(body)}")]
        self.answer(206, body[first:last + 1], headers, cut, stall)


_server.serve(Handler)
