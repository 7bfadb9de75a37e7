"""The checks with py-asterisk: blocking calls, and no thread that reads when no call does."""

import os
import select
import sys

from Asterisk.Manager import AuthenticationFailure, BaseManager

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scenario import Refused, Session, WAIT_SECONDS, main  # noqa: E402


def headers_of(packet):
    # Channels become objects of the library, whose text is the name.
    return {name.lower(): value if isinstance(value, (str, dict)) else str(value) for name, value in packet.items()}


class PyAsteriskSession(Session):
    def __init__(self, host, port, user, secret):
        super().__init__()
        session = self

        class Manager(BaseManager):
            def _dispatch_packet(self, packet):
                # It takes events with a header Response (OriginateResponse, ChallengeResponseFailed) for replies.
                if "Event" in packet:
                    self.on_Event(packet)
                else:
                    super()._dispatch_packet(packet)

            def on_Event(self, event):
                session.saw(headers_of(event))

        try:
            self.manager = Manager((host, port), user, secret, timeout=WAIT_SECONDS)
        except AuthenticationFailure as refused:
            raise Refused(str(refused)) from None

    def reply(self, action_id):
        self.issued.add(action_id)
        return headers_of(self.manager.read_response(action_id))

    def action(self, name, **headers):
        # What its methods for single actions are made of.
        action_id = self.manager._write_action(name, headers)
        return action_id, self.reply(action_id)

    def many(self, actions):
        return [self.reply(action_id) for action_id in
                [self.manager._write_action(name, headers) for name, headers in actions]]

    def more(self, seen, seconds):
        if select.select([self.manager], [], [], seconds)[0]:
            self.manager.read()

    def logoff(self):
        return self.action("Logoff")[1]

    def closed(self):
        return not self.manager.file.read(1)


main(PyAsteriskSession)
