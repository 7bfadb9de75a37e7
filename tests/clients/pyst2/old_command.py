"""HOST PORT USER SECRET COMMAND...: runs CLI commands as pyst2 reads old output; prints what it made of each, and of a Ping behind it."""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
from asterisk.manager import Manager  # noqa: E402

host, port, user, secret, *commands = sys.argv[1:]
manager = Manager()
manager.connect(host, int(port))
manager.login(user, secret)
outcomes = []
for command in commands:
    reply = manager.command(command)
    ping = manager.ping()
    outcomes.append({
        "response": reply.headers.get("Response"),
        "headers": sorted(reply.headers),
        "output": reply.data,
        "ping": ping.headers.get("Ping"),
    })
print(json.dumps(outcomes), flush=True)
# Its close() logs off and fails by itself when the server has closed before it has come to flush what it sent.
os._exit(0)
