"""The checks with pyami-asterisk: asyncio; a callback that is called with each message of the action."""

import asyncio
import os
import ssl
import sys
import threading

from loguru import logger
from pyami_asterisk import AMIClient

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scenario import CERTIFICATE, Refused, Session, WAIT_SECONDS, main  # noqa: E402

logger.remove()

LOOP = asyncio.new_event_loop()


def serve():
    asyncio.set_event_loop(LOOP)
    LOOP.run_forever()


threading.Thread(target=serve, daemon=True).start()


def on_loop(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result(WAIT_SECONDS)


class TlsClient(AMIClient):
    """The library opens no TLS connection itself; all that follows is its own."""

    async def _open_connection(self):
        context = ssl.create_default_context(cafile=CERTIFICATE)
        self._reader, self._writer = await asyncio.open_connection(
            self.config["host"], self.config["port"], ssl=context)
        return True


class PyamiAsteriskSession(Session):
    def __init__(self, host, port, user, secret):
        super().__init__()
        on_loop(self.log_in(host, port, user, secret))

    async def log_in(self, host, port, user, secret):
        self.client = (TlsClient if CERTIFICATE else AMIClient)(
            host=host, port=port, username=user, secret=secret, ping_delay=0, reconnect_timeout=0)
        self.client.register_event(["*"], self.saw)
        self.task = LOOP.create_task(self.client.connect_ami())
        while self.client._authenticated is None and not self.task.done():
            await asyncio.sleep(0.01)
        if not self.client._authenticated:
            # It logs these words, and does not keep the server's.
            raise Refused("Authentication failed")

    async def send(self, name, headers):
        replied = LOOP.create_future()

        def message(received):
            if replied.done():
                self.saw(received)
            else:
                replied.set_result({header.lower(): value for header, value in received.items()})

        action = {"Action": name, **headers}
        self.client.create_action(action, message)
        await self.client._handler_tasks()
        self.issued.add(action["ActionID"])
        return action["ActionID"], await replied

    def action(self, name, **headers):
        return on_loop(self.send(name, headers))

    async def send_all(self, actions):
        return await asyncio.gather(*(self.send(name, headers) for name, headers in actions))

    def many(self, actions):
        return [reply for _, reply in on_loop(self.send_all(actions))]

    def logoff(self):
        return self.action("Logoff")[1]

    def closed(self):
        return self.client._writer.is_closing()


main(PyamiAsteriskSession)
