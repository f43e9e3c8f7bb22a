"""_slow_server.py: a server on a free port of 127.0.0.1 that has all of N transfers going at once.

It prints its URL, then answers for as long as it lives. Any path is a file of SIZE bytes that begin
with the path. Half of each is sent at once, the rest when N requests have come: until then each of
them is under way. /most has how many were under way at once at most.

    python3 _slow_server.py N SIZE
"""
import asyncio
import resource
import sys

N, SIZE = int(sys.argv[1]), int(sys.argv[2])
active = most = 0


async def file(writer, path, all_there):
    global active, most
    active += 1
    most = max(most, active)
    body = path.encode().ljust(SIZE, b".")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
    writer.write(body[:SIZE // 2])
    await writer.drain()
    if active == N:
        all_there.set()
    await all_there.wait()
    writer.write(body[SIZE // 2:])
    await writer.drain()
    active -= 1


async def main():
    all_there = asyncio.Event()

    async def serve(reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split()[1].decode()
                if path == "/most":
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%d" % (len(str(most)), most))
                else:
                    await file(writer, path, all_there)
        except (asyncio.IncompleteReadError, OSError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
asyncio.run(main())
