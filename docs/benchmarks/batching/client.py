"""Sends tasks and reads their IDs, and no more: the same as `batching bare`."""

import asyncio
import sys

import aiohttp


async def main(url, path, in_flight):
    prompts = iter(open(path, encoding="utf-8"))
    headers = {"x-api-key": "key"}

    async def worker(session):
        for prompt in prompts:
            body = {"prompt": "/Operator " + prompt.rstrip("\n"), "browserWindowId": "window_1", "timeZone": "Etc/UTC"}
            async with session.post(url + "/remote-dispatch", json=body) as answer:
                answer.raise_for_status()
                (await answer.json())["requestId"]

    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await asyncio.gather(*(worker(session) for _ in range(in_flight)))


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
