"""A client made with Python's websockets: text, 1 MiB of bytes and a ping, there and back."""
import asyncio
import sys

import websockets


async def main(url):
    async with websockets.connect(url) as server:
        await server.send("Grüße from Python")
        print("echoed:", await server.recv())
        data = bytes(range(256)) * 4096
        await server.send(data)
        print("echoed:", "1 MiB, unharmed" if await server.recv() == data else "something else")
        await (await server.ping())
        print("ping answered")
    print("closed:", server.close_code)


asyncio.run(main(sys.argv[1]))
