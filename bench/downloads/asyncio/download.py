#!/usr/bin/python3 -BE
"""Downloads with aiohttp: as many coroutines as transfers, one session, temporary names."""
import asyncio
import os
import ssl
import sys

import aiohttp

TRIES, WAIT = 6, 1
PIECE = 1 << 20


async def save(session, url, name):
    """One attempt. Raises what goes wrong."""
    part = f".{name}.part"
    async with session.get(url) as answer:
        if answer.status == 503:
            raise aiohttp.ClientError("the server is busy")
        if answer.status != 200:
            return False
        with open(part, "wb") as file:
            async for piece in answer.content.iter_chunked(PIECE):
                file.write(piece)
    os.rename(part, name)
    return True


async def download(session, url, name):
    for attempt in range(TRIES):
        try:
            return await save(session, url, name)
        except aiohttp.ClientError:
            if attempt + 1 < TRIES:
                await asyncio.sleep(WAIT)
    return False


async def work(session, entries):
    failed = 0
    for url, name in entries:
        failed += not await download(session, url, name)
    return failed


async def main(lists, parallel, trusted):
    with open(os.path.join(lists, "tsv"), encoding="utf-8") as file:
        entries = iter([line.rstrip("\n").split("\t") for line in file])
    context = ssl.create_default_context(cafile=trusted) if trusted else False
    connector = aiohttp.TCPConnector(limit=parallel, ssl=context)
    async with aiohttp.ClientSession(connector=connector,
                                     timeout=aiohttp.ClientTimeout(total=None)) as session:
        return sum(await asyncio.gather(*(work(session, entries) for _ in range(parallel))))


if sys.argv[1] == "list":
    print("small\ntmpfs\nmany\nbig\ntls\nhosts\nactive")
else:
    _, _, row, lists_in, count, authority = sys.argv
    sys.exit(asyncio.run(main(lists_in, int(count), authority if row == "tls" else None)) > 0)
