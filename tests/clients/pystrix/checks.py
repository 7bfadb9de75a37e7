"""The checks with pystrix: blocking calls from any thread; it logs in with MD5."""

import concurrent.futures
import os
import sys
import warnings

from pystrix.ami import Manager
from pystrix.ami.ami import _Request
from pystrix.ami.core import Challenge, Login, ManagerAuthError

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from scenario import Refused, Session, main  # noqa: E402

# It warns of each reply that nobody waits for.
warnings.simplefilter("ignore")


class PystrixSession(Session):
    def __init__(self, host, port, user, secret):
        super().__init__()
        self.manager = Manager()
        self.manager.register_callback("", lambda event, _: self.saw(event))
        self.manager.connect(host, port)
        challenge = self.manager.send_action(Challenge()).result["Challenge"]
        try:
            self.manager.send_action(Login(user, secret, challenge=challenge))
        except ManagerAuthError as refused:
            self.manager.disconnect()
            raise Refused(str(refused)) from None

    def action(self, name, **headers):
        request = _Request(name)
        request.update(headers)
        # For Originate it takes this for milliseconds.
        request.timeout = 15000 if name == "Originate" else 15
        answer = self.manager.send_action(request)
        self.issued.add(answer.action_id)
        reply = {header.lower(): value for header, value in answer.response.items()}
        return answer.action_id, {**reply, "data": answer.response.data} if answer.response.data else reply

    def many(self, actions):
        with concurrent.futures.ThreadPoolExecutor(len(actions)) as pool:
            return list(pool.map(lambda action: self.action(action[0], **action[1])[1], actions))

    def logoff(self):
        _, reply = self.action("Logoff")
        # It does not see that the server closes: its thread would read nothing, for ever.
        self.manager.disconnect()
        return reply

    def closed(self):
        return not self.manager.is_connected()


main(PystrixSession)
