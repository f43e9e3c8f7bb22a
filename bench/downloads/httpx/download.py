#!/usr/bin/python3 -BE
"""Downloads with httpx on asyncio: as many coroutines as transfers, one client, temporary names."""
import asyncio
import os
import ssl
import sys

import httpx


async def download(client, url, name):
    part = f".{name}.part"
    async with client.stream("GET", url) as answer:
        if answer.status_code != 200:
            return False
        with open(part, "wb") as file:
            async for piece in answer.aiter_raw():
                file.write(piece)
    os.rename(part, name)
    return True


async def work(client, entries):
    failed = 0
    for url, name in entries:
        try:
            failed += not await download(client, url, name)
        except httpx.HTTPError:
            failed += 1
    return failed


async def main(row, lists, parallel, trusted):
    with open(os.path.join(lists, "tsv"), encoding="utf-8") as file:
        entries = iter([line.rstrip("\n").split("\t") for line in file])
    context = ssl.create_default_context(cafile=trusted) if row in ("tls", "http2") else False
    limits = httpx.Limits(max_connections=parallel, max_keepalive_connections=parallel)
    async with httpx.AsyncClient(verify=context, http2=row == "http2", limits=limits, timeout=None,
                                 trust_env=False) as client:
        return sum(await asyncio.gather(*(work(client, entries) for _ in range(parallel))))


if sys.argv[1] == "list":
    print("small\ntmpfs\ntls\nhttp2")
else:
    _, _, row_name, lists_in, count, authority = sys.argv
    sys.exit(asyncio.run(main(row_name, lists_in, int(count), authority)) > 0)
