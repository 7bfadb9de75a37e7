"""The checks with asterisk-ami: a thread per connection, futures by ActionID."""

import os
import sys

from asterisk.ami import AMIClient, SimpleAction

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scenario import Failed, Refused, Session, WAIT_SECONDS, main  # noqa: E402


class AsteriskAmiSession(Session):
    def __init__(self, host, port, user, secret):
        super().__init__()
        self.gone = False
        # The library's timeout is one for connecting, answers and silence on the connection.
        self.client = AMIClient(address=host, port=port, timeout=2 * WAIT_SECONDS, on_disconnect=self.disconnected)
        self.client.add_event_listener(self.received)
        reply = self.client.login(username=user, secret=secret).response
        if reply is None:
            raise Failed("no answer to the login")
        if reply.is_error():
            raise Refused(reply.keys["Message"])

    def received(self, event, **_):
        self.saw({"Event": event.name, **event.keys})

    def disconnected(self, **_):
        self.gone = True

    def send(self, name, headers):
        action = SimpleAction(name, **headers)
        future = self.client.send_action(action)
        self.issued.add(action.keys["ActionID"])
        return action.keys["ActionID"], future

    def action(self, name, **headers):
        action_id, future = self.send(name, headers)
        return action_id, self.reply(future.response)

    def many(self, actions):
        futures = [self.send(name, headers)[1] for name, headers in actions]
        return [self.reply(future.response) for future in futures]

    @staticmethod
    def reply(reply):
        if reply is None:
            raise Failed("no answer")
        headers = {"response": reply.status, **{name.lower(): value for name, value in reply.keys.items()}}
        return {**headers, "follows": reply.follows} if reply.follows else headers

    def logoff(self):
        future = self.client.logoff()
        reply = self.reply(future.response)
        self.issued.add(reply.get("actionid"))
        return reply

    def closed(self):
        return self.gone or self.client.finished.is_set()


main(AsteriskAmiSession)
