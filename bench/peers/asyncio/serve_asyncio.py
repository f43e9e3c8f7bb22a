"""The rows in which asyncio and uvloop are servers that sley-bench-load keeps busy.

echo, idle_connections: asyncio has streams, a coroutine per connection, which is how its servers are
written; they run on its own loop. On uvloop it is a protocol, a callback for what has come, which is
what its authors measure and what those use it for who want speed.

The server is a child, on one processor; the parent has the load do its work and ends it.
"""
import asyncio
import os
import resource
import signal
import socket

import load


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def serve(listener, protocols):
    if protocols:
        server = await asyncio.get_running_loop().create_server(Echo, sock=listener, backlog=1024)
    else:
        server = await asyncio.start_server(echo, sock=listener, backlog=1024)
    await server.serve_forever()


def run_server(listener, processors, new_event_loop, protocols):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, processors)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(listener, protocols))


def main(row, quick, new_event_loop, protocols):
    """The exit status, which is the load's."""
    processors, spare = load.processors(1)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listener.getsockname()[1]
    server = os.fork()
    if server == 0:
        try:
            run_server(listener, processors, new_event_loop, protocols)
        finally:
            os._exit(1)
    listener.close()
    try:
        return load.run(row, port, server, spare, quick)
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
