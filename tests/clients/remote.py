"""The checks with a library in a language that has no scenario of its own: remote.py HOST PORT PROGRAM [ARGUMENT...]

PROGRAM is the adapter. Each session is one process of it, `PROGRAM... HOST PORT USER SECRET`, which logs in and then
speaks JSON, one object per line:

    it says     {"login": "accepted", "blocking": BOOLEAN} or {"refused": TEXT}, once
    it is told  {"many": [[ACTION, HEADERS], ...]} or, if it is blocking, {"read": true}
    it says     {"replies": [[ACTION ID, REPLY], ...]} or {"read": true}
                {"event": HEADERS} and {"closed": true} at any time

A blocking library sees events only while it waits for a reply; `read` has it do something of that kind. Header names
are in lower case.
"""

import json
import queue
import subprocess
import sys
import threading

from scenario import Failed, Refused, Session, WAIT_SECONDS, main

PROGRAM = sys.argv[3:]


class ProgramSession(Session):
    def __init__(self, host, port, user, secret):
        super().__init__()
        self.said = queue.SimpleQueue()
        self.is_closed = False
        self.program = subprocess.Popen([*PROGRAM, host, str(port), user, secret], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=self.listen, daemon=True).start()
        login = self.answer("the login")
        if "refused" in login:
            raise Refused(login["refused"])
        self.blocking = login["blocking"]

    def listen(self):
        for line in self.program.stdout:
            said = json.loads(line)
            if "event" in said:
                self.saw(said["event"])
            elif "closed" in said:
                self.is_closed = True
            else:
                self.said.put(said)
        self.said.put(None)

    def answer(self, what):
        try:
            said = self.said.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise Failed(f"{what} was not answered in {WAIT_SECONDS} s") from None
        if said is None:
            raise Failed(f"the program ended at {what}")
        return said

    def ask(self, what, request):
        print(json.dumps(request), file=self.program.stdin, flush=True)
        return self.answer(what)

    def exchange(self, actions):
        replies = self.ask(actions[0][0], {"many": actions})["replies"]
        self.issued.update(action_id for action_id, _ in replies)
        return replies

    def action(self, name, **headers):
        [(action_id, reply)] = self.exchange([(name, headers)])
        return action_id, reply

    def many(self, actions):
        return [reply for _, reply in self.exchange(actions)]

    def more(self, seen, seconds):
        if self.blocking:
            self.ask("reading", {"read": True})
        super().more(seen, min(seconds, 0.1) if self.blocking else seconds)

    def logoff(self):
        return self.action("Logoff")[1]

    def closed(self):
        return self.is_closed


main(ProgramSession)
