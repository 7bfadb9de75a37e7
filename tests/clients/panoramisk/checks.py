"""The checks with panoramisk: asyncio; lists come as the result of the action."""

import asyncio
import logging
import os
import ssl
import sys
import threading

from panoramisk import Manager
from panoramisk.actions import Action, Command

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scenario import CERTIFICATE, Refused, Session, WAIT_SECONDS, main  # noqa: E402

# It reports each lost connection, also those that a check brings about.
logging.disable(logging.CRITICAL)

LOOP = asyncio.new_event_loop()


def serve():
    asyncio.set_event_loop(LOOP)
    LOOP.run_forever()


threading.Thread(target=serve, daemon=True).start()


def on_loop(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result(WAIT_SECONDS)


def headers_of(message):
    headers = {name.lower(): value for name, value in message.items() if name.lower() != "content" or value}
    return {name: value for name, value in headers.items() if name != "commandid"}


class PanoramiskSession(Session):
    def __init__(self, host, port, user, secret):
        super().__init__()
        self.gone = False
        context = ssl.create_default_context(cafile=CERTIFICATE) if CERTIFICATE else False
        # Pings and reconnects of its own are put off beyond the end of the checks.
        self.manager = Manager(loop=LOOP, host=host, port=port, username=user, secret=secret, ping_delay=3600,
                               reconnect_timeout=3600, on_disconnect=self.disconnected, ssl=context)
        self.manager.register_event("*", lambda _, event: self.saw(headers_of(event)))
        on_loop(self.log_in())

    async def log_in(self):
        await self.manager.connect()
        while self.manager.authenticated_future is None:
            await asyncio.sleep(0)
        reply = await self.manager.authenticated_future
        if not reply.success:
            self.manager.close()
            raise Refused(reply.message)

    def disconnected(self, *_):
        self.gone = True

    async def send(self, name, headers):
        kind = Command if "Command" in headers else Action
        action = kind({"Action": name, **headers})
        # It takes "Added interface to queue" for the start of a list, and would wait for its end for ever.
        result = await self.manager.send_action(action, as_list=False if name == "QueueAdd" else None)
        return action.action_id, result if isinstance(result, list) else [result]

    def action(self, name, **headers):
        action_id, messages = on_loop(self.send(name, headers))
        self.issued.add(action_id)
        # What belongs to the action is part of its result: list items, and the OriginateResponse.
        for message in messages[1:]:
            self.saw(headers_of(message))
        return action_id, headers_of(messages[0])

    async def send_all(self, actions):
        return await asyncio.gather(*(self.send(name, headers) for name, headers in actions))

    def many(self, actions):
        results = on_loop(self.send_all(actions))
        self.issued.update(action_id for action_id, _ in results)
        return [headers_of(messages[0]) for _, messages in results]

    def logoff(self):
        return self.action("Logoff")[1]

    def closed(self):
        return self.gone


main(PanoramiskSession)
