"""The checks with pyst2: blocking calls; answers are matched to actions by their order alone."""

import os
import sys
import warnings

# Names of the threading module that Python has renamed since pyst2 was written.
warnings.simplefilter("ignore", DeprecationWarning)
from asterisk.manager import Manager, ManagerAuthException  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scenario import Refused, Session, WAIT_SECONDS, main  # noqa: E402


class Pyst2Session(Session):
    def __init__(self, host, port, user, secret):
        super().__init__()
        self.manager = Manager()
        self.manager.register_event("*", lambda event, _: self.saw(event.headers))
        self.manager.connect(host, port)
        try:
            self.manager.login(user, secret)
        except ManagerAuthException as refused:
            raise Refused(str(refused)) from None

    def reply(self, message):
        headers = {name.lower(): value for name, value in message.headers.items()}
        self.issued.add(headers.get("actionid"))
        return {**headers, "data": message.data} if message.data else headers

    def action(self, name, **headers):
        reply = self.reply(self.manager.send_action({"Action": name, **headers}))
        return reply.get("actionid"), reply

    def list(self, name, **headers):
        return self.list_in_reply(name, headers) if name == "QueueStatus" else super().list(name, **headers)

    def list_in_reply(self, name, headers):
        """A reply whose text says "status will follow" is read on to the end of the list, as one message."""
        _, reply = self.action(name, **headers)
        blocks = reply.pop("data").strip().split("\r\n\r\n")
        return reply, [{key.lower(): value for key, value in (line.split(": ", 1) for line in block.split("\r\n"))}
                       for block in blocks]

    def logoff(self):
        try:
            return self.reply(self.manager.logoff())
        except ValueError:
            # The server closes at once, and the library's reading thread may close the socket before its writing side
            # has flushed it. The reply has been read by then.
            return self.reply(self.manager._response_queue.get(timeout=WAIT_SECONDS))

    def closed(self):
        return not self.manager.connected()


main(Pyst2Session)
