"""A server made with Python's websockets: greets, sends everything back, ends with its first client."""
import asyncio

import websockets


async def main():
    served = asyncio.Event()

    async def serve(client):
        await client.send("welcome, says Python")
        async for message in client:
            await client.send(f"Python has received: {message}")
        print("the client has closed:", client.close_code)
        served.set()

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        print("listening on 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
        await served.wait()


asyncio.run(main())
