"""_socks.py: a small SOCKS5 proxy (RFC 1928) on a free port of 127.0.0.1.

It prints its address, then serves for as long as it lives. Every host is reached at 127.0.0.1, so that
names which do not exist show that it was the proxy who was asked. With a file as argument it adds a
line to that for each request: the host and the port, as it was asked for them.
"""
import socket
import socketserver
import struct
import sys
import threading


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        _, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.request.sendall(b"\5\0")
        _, command, _, kind = self.rfile.read(4)
        if kind == 1:
            host = socket.inet_ntop(socket.AF_INET, self.rfile.read(4))
        elif kind == 4:
            host = socket.inet_ntop(socket.AF_INET6, self.rfile.read(16))
        else:
            host = self.rfile.read(self.rfile.read(1)[0]).decode()
        port = struct.unpack("!H", self.rfile.read(2))[0]
        with open(sys.argv[1], "a") as log:
            log.write(f"{host} {port}\n")
        try:
            there = socket.create_connection(("127.0.0.1", port))
        except OSError:
            self.request.sendall(b"\5\5\0\1" + bytes(6))
            return
        self.request.sendall((b"\5\0\0\1" if command == 1 else b"\5\7\0\1") + bytes(6))
        back = threading.Thread(target=self.pass_on, args=(there.recv, self.request), daemon=True)
        back.start()
        self.pass_on(self.rfile.read1, there)
        back.join()
        there.close()

    @staticmethod
    def pass_on(receive, sink):
        try:
            while data := receive(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 1024
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(f"127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
