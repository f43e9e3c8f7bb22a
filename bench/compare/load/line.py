"""A line to a server that can be held, and whose connections can be reset.

Forwards what connects to it, in a thread of its own. It counts the bytes that the server has sent;
so a fault happens after so many bytes and not after so many seconds, and while the line is held
nothing else does: a program can be killed in the middle of its work on any machine, however fast.
"""
import asyncio
import socket
import struct
import threading

PIECE = 1 << 14
LINGER_NONE = struct.pack("ii", 1, 0)  # closing sends a reset


class Line:
    def __init__(self, host, port):
        self.target = (host, port)
        self.port = None
        self.passed = self.resets = self.refused = 0
        self.hold_at = self.reset_at = None
        self.reset_step = 0
        self.held = threading.Event()
        self.started = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()
        self.started.wait()

    # --- any thread ----------------------------------------------------------------------------

    def hold_after(self, count):
        """After so many bytes more the line is held and `held` is set."""
        self.tell(self.set_hold, count)

    def release(self):
        self.tell(self.open_gate)

    def reset_every(self, count):
        """Resets a connection after every so many bytes; 0: no more."""
        self.tell(self.set_reset, count)

    def close(self):
        self.tell(self.stop)
        self.thread.join()
        self.loop.close()

    def tell(self, what, *arguments):
        """Has it done by the thread, and waits for that."""
        done = threading.Event()

        def do():
            what(*arguments)
            done.set()

        self.loop.call_soon_threadsafe(do)
        done.wait()

    # --- the line's thread ---------------------------------------------------------------------

    def work(self):
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(lambda loop, context: None)  # of connections that are cut
        self.gate = asyncio.Event()
        self.gate.set()
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0,
                                                                  backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        self.started.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))

    def stop(self):
        self.gate.set()
        self.loop.stop()

    def set_hold(self, count):
        self.held.clear()
        self.hold_at = self.passed + count

    def open_gate(self):
        self.hold_at = None
        self.gate.set()

    def set_reset(self, count):
        self.reset_step = count
        self.reset_at = self.passed + count if count else None

    async def serve(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection(*self.target)
        except OSError:
            self.refused += 1
            reset(writer)
            return
        request = asyncio.ensure_future(forward(reader, up_writer))
        try:
            await self.answer(up_reader, writer)
        except (OSError, asyncio.CancelledError):
            reset(writer)
        finally:
            request.cancel()
            up_writer.transport.abort()

    async def answer(self, reader, writer):
        """What the server sends, until it or the client ends."""
        while True:
            data = await reader.read(PIECE)
            self.passed += len(data)
            if self.hold_at is not None and self.passed >= self.hold_at:
                self.hold_at = None
                self.gate.clear()
                self.held.set()
            await self.gate.wait()
            if self.reset_at is not None and data and self.passed >= self.reset_at:
                self.reset_at += self.reset_step
                self.resets += 1
                writer.write(data[: len(data) // 2])
                reset(writer)
                return
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()


def reset(writer):
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
    writer.transport.abort()


async def forward(reader, writer):
    """What the client sends. An end of it is passed on."""
    try:
        while data := await reader.read(PIECE):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, RuntimeError):
        writer.transport.abort()
