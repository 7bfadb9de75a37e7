"""The checks that each client library runs, and what its adapter must offer.

An adapter (<library>/checks.py) subclasses `Session` with the library's own calls and hands the class to `main`.
scenario.js is the same for the Node libraries: a check has the same name and meaning in both. remote.py is the adapter
of all libraries in other languages.

Each check prints one JSON line, `{"check": NAME, "outcome": ...}` or `{"check": NAME, "error": TEXT}`. The outcome is
what the library made of the answers, without what differs from run to run (ids, times, channel numbers), so that
outcomes against two servers can be compared. A check also has expectations of its own: what it must see anywhere.
"""

import json
import os
import re
import sys
import threading
import time

WAIT_SECONDS = 15

# Libraries run side by side against the same servers, each in a slot of its own, 1 or 2: what a check makes there has
# the slot in its name, and the account that may log in only once is another.
SLOT = os.environ.get("AMIPLEX_CLIENTS_SLOT", "1")
SINGLE = "single" if SLOT == "1" else "alone"

# The certificate that the server must have, when the connections are to be over TLS.
CERTIFICATE = os.environ.get("AMIPLEX_CLIENTS_CERTIFICATE")

# Headers whose value differs from run to run, lower case.
VOLATILE = {"timestamp", "duration", "bridgeid", "logintime"}
UNIQUE_ID = re.compile(r"\bpbx\d-\d+\.\d+")
CHANNEL_NUMBER = re.compile(r"-[0-9a-f]{8}(?=;|\b)")


class Refused(Exception):
    """The login was refused; the text is what the library reports."""


class Failed(Exception):
    """An expectation of a check did not hold."""


class Session:
    """One logged-in connection of the library under test. Header names are lower case in all that an adapter hands on."""

    def __init__(self):
        self.events = []
        self.changed = threading.Condition()
        self.issued = set()

    # What an adapter provides.

    def action(self, name, **headers):
        """Sends one action; returns (ActionID, reply)."""
        raise NotImplementedError

    def list(self, name, **headers):
        """Sends a list action; returns (reply, items with the completing event as the last)."""
        action_id, reply = self.action(name, **headers)
        if reply.get("response") != "Success":
            return reply, []
        self.wait("the end of the list",
                  lambda event: event.get("actionid") == action_id and event.get("eventlist") == "Complete")
        return reply, [event for event in self.events if event.get("actionid") == action_id]

    def many(self, actions):
        """Replies to (name, headers) pairs; without waiting in between, where the library can do that."""
        return [self.action(name, **headers)[1] for name, headers in actions]

    def logoff(self):
        """Logs off; returns the reply."""
        raise NotImplementedError

    def closed(self):
        """True once the library knows that the server has closed the connection."""
        raise NotImplementedError

    def more(self, seen, seconds):
        """Returns when there may be more than `seen` events, at the latest after `seconds`. A library without a thread
        of its own reads here."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.events) > seen, seconds)

    # What an adapter calls.

    def saw(self, event):
        with self.changed:
            self.events.append({name.lower(): value for name, value in event.items()})
            self.changed.notify_all()

    # What the checks call.

    def until(self, what, ready):
        """What `ready` returns, as soon as that is true."""
        end = time.monotonic() + WAIT_SECONDS
        while True:
            with self.changed:
                seen, value = len(self.events), ready()
            if value:
                return value
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise Failed(f"{what} was not seen in {WAIT_SECONDS} s")
            self.more(seen, remaining)

    def wait(self, what, predicate):
        return self.until(what, lambda: next((event for event in self.events if predicate(event)), None))

    def find(self, **headers):
        return [event for event in self.events if all(event.get(name) == value for name, value in headers.items())]

    def call(self, channel, **headers):
        """Originates; returns (reply, OriginateResponse)."""
        action_id, reply = self.action("Originate", Channel=channel, Context="caller", Exten="s", Priority="1",
                                       **{"Async": "true", **headers})
        return reply, self.wait("OriginateResponse", lambda event: event.get("event") == "OriginateResponse"
                                and event.get("actionid") == action_id)

    def wait_closed(self):
        end = time.monotonic() + WAIT_SECONDS
        while not self.closed():
            if time.monotonic() > end:
                raise Failed(f"the connection was not closed in {WAIT_SECONDS} s")
            time.sleep(0.01)

    def plain(self, value, senders=()):
        """`value` without what differs from run to run."""
        if isinstance(value, dict):
            return {name: self.plain_header(name, part, senders) for name, part in sorted(value.items())}
        if isinstance(value, (list, tuple)):
            return [self.plain(part, senders) for part in value]
        if not isinstance(value, str):
            return value
        return CHANNEL_NUMBER.sub("-N", UNIQUE_ID.sub("UNIQUE", value))

    def plain_header(self, name, value, senders):
        if name in VOLATILE:
            return "*"
        # The sender first: ids that are times may be the same in two sessions.
        if name == "actionid" and value in senders:
            return "id of the sender"
        if name == "actionid" and value in self.issued:
            return "own id"
        return self.plain(value, senders)


def expect(condition, text):
    if not condition:
        raise Failed(text)


def refusal(connect, user, secret):
    """How the library reports that the login was refused."""
    try:
        connect(user, secret)
    except Refused as refused:
        return str(refused)
    raise Failed("the login was accepted")


class Checks:
    """One method per check, run in this order."""

    def __init__(self, connect):
        self.connect = connect
        self.admin = None

    def login(self):
        self.admin = self.connect("admin", "adminpw")
        return "accepted"

    def login_with_wrong_secret(self):
        return refusal(self.connect, "admin", "not the secret")

    def login_of_unknown_account(self):
        return refusal(self.connect, "nobody", "adminpw")

    def login_from_wrong_address(self):
        return refusal(self.connect, "aclonly", "aclpw")

    def login_twice_where_once_is_allowed(self):
        first = self.connect(SINGLE, "singlepw")
        second = refusal(self.connect, SINGLE, "singlepw")
        first.logoff()
        first.wait_closed()
        return second

    def ping(self):
        _, reply = self.admin.action("Ping")
        expect(reply.get("ping") == "Pong", f"no Pong: {reply}")
        return self.admin.plain(reply)

    def list_of_queue(self):
        reply, items = self.admin.list("QueueStatus", Queue="support")
        names = [item["event"] for item in items]
        expect(names == ["QueueParams", "QueueMember", "QueueMember", "QueueStatusComplete"], f"items {names}")
        expect(items[-1].get("listitems") == "3", f"ListItems of {items[-1]}")
        return self.admin.plain([reply, *items])

    def list_of_endpoints(self):
        reply, items = self.admin.list("PJSIPShowEndpoints")
        expect(len(items) == 2 and items[-1].get("listitems") == "1", f"items {items}")
        return self.admin.plain([reply, *items])

    def list_that_is_refused(self):
        reply, items = self.admin.list("ConfbridgeListRooms")
        expect(reply.get("response") == "Error" and not items, f"reply {reply}")
        return self.admin.plain(reply)

    def list_of_channels(self):
        _, answered = self.admin.call("Local/101@tests/n")
        channel = answered["channel"]
        reply, items = self.admin.list("CoreShowChannels")
        _, hangup = self.admin.action("Hangup", Channel=channel)
        self.admin.wait("Hangup", lambda event: event.get("event") == "Hangup" and event.get("channel") == channel)
        expect(items[-1].get("listitems") == str(len(items) - 1), f"ListItems of {items[-1]}")
        own = [item for item in items if item.get("channel") == channel]
        expect(len(own) == 1, f"{channel} is {len(own)} times in the list")
        return self.admin.plain([reply, own[0], items[-1]["event"], hangup])

    def command(self):
        _, reply = self.admin.action("Command", Command="dialplan show caller")
        expect(reply.get("response") == "Success", f"reply {reply}")
        return self.admin.plain(reply)

    def command_that_fails(self):
        _, reply = self.admin.action("Command", Command="no such command")
        expect(reply.get("response") == "Error", f"reply {reply}")
        return self.admin.plain(reply)

    def variable(self):
        name = f"CLIENTS{SLOT}"
        _, written = self.admin.action("Setvar", Variable=name, Value="a: b, c=d")
        _, read = self.admin.action("Getvar", Variable=name)
        expect(read.get("value") == "a: b, c=d", f"read {read}")
        _, removed = self.admin.action("Setvar", Variable=name, Value="")
        return self.admin.plain([written, read, removed])

    def many_actions_at_once(self):
        names = [f"CLIENTS{SLOT}_{number}" for number in range(16)]
        self.admin.many([("Setvar", {"Variable": name, "Value": f"of {name}"}) for name in names])
        replies = self.admin.many([("Getvar", {"Variable": name}) for name in names])
        self.admin.many([("Setvar", {"Variable": name, "Value": ""}) for name in names])
        expect([reply.get("value") for reply in replies] == [f"of {name}" for name in names], f"replies {replies}")
        return self.admin.plain(replies)

    def database(self):
        family = f"clients{SLOT}"
        _, written = self.admin.action("DBPut", Family=family, Key="k", Val="value of k")
        reply, items = self.admin.list("DBGet", Family=family, Key="k")
        expect(items and items[0].get("val") == "value of k", f"read {items}")
        _, removed = self.admin.action("DBDel", Family=family, Key="k")
        _, missing = self.admin.action("DBDel", Family=family, Key="k")
        expect(missing.get("response") == "Error", f"removed twice: {missing}")
        # Some libraries take the first item for the whole list; what they show as an event of its own does not count.
        return self.admin.plain([written, reply, items[0], removed, missing])

    def configuration_file(self):
        _, reply = self.admin.action("GetConfig", Filename="sample.conf")
        expect(reply.get("response") == "Success", f"reply {reply}")
        return self.admin.plain(reply)

    def call_that_is_answered(self):
        reply, answered = self.admin.call("Local/call-1@tests/n")
        expect(answered.get("response") == "Success", f"OriginateResponse {answered}")
        linked = answered["uniqueid"]
        self.admin.until("the call's four Hangup events",
                         lambda: len(self.admin.find(event="Hangup", linkedid=linked)) == 4)
        of_call = self.admin.find(linkedid=linked)
        counted = {name: len([event for event in of_call if event["event"] == name])
                   for name in ("Newchannel", "NewConnectedLine", "BridgeEnter", "BridgeLeave", "Hangup")}
        dial = self.admin.find(event="DialEnd", destlinkedid=linked)
        causes = sorted(event["cause"] for event in of_call if event["event"] == "Hangup")
        return self.admin.plain([reply, answered, counted, dial, causes])

    def call_that_is_busy(self):
        reply, busy = self.admin.call("Local/busy@callee/n")
        expect(busy.get("response") == "Failure", f"OriginateResponse {busy}")
        return self.admin.plain([reply, busy])

    def call_that_is_waited_for(self):
        request = {"Context": "caller", "Exten": "s", "Priority": "1", "Async": "false"}
        _, answered = self.admin.action("Originate", Channel="Local/100@tests/n", **request)
        _, busy = self.admin.action("Originate", Channel="Local/busy@callee/n", **request)
        expect(answered.get("response") == "Success" and busy.get("response") == "Error", f"replies {answered} {busy}")
        return self.admin.plain([answered, busy])

    def hangup_of_unknown_channel(self):
        _, reply = self.admin.action("Hangup", Channel="Local/none@tests-ffffffff;1")
        expect(reply.get("message") == "No such channel", f"reply {reply}")
        return self.admin.plain(reply)

    def unknown_action(self):
        _, reply = self.admin.action("NoSuchAction", Header="value")
        expect(reply.get("response") == "Error", f"reply {reply}")
        return self.admin.plain(reply)

    def user_event(self):
        action_id, reply = self.admin.action("UserEvent", UserEvent="FromClient", Text="one: two")
        event = self.admin.wait("the UserEvent", lambda event: event.get("userevent") == "FromClient"
                                and event.get("actionid") == action_id)
        return self.admin.plain([reply, event])

    def user_event_of_another_session(self):
        name = f"ForOthers{SLOT}"
        other = self.connect("agent", "agentpw")
        action_id, _ = self.admin.action("UserEvent", UserEvent=name, Text="three")
        event = other.wait("the UserEvent", lambda event: event.get("userevent") == name)
        other.logoff()
        return other.plain(event, senders=[action_id])

    def events_switched_off_and_on(self):
        name = f"Switched{SLOT}"
        agent = self.connect("agent", "agentpw")
        _, off = agent.action("Events", EventMask="off")
        agent.action("UserEvent", UserEvent=name, Text="off")
        self.admin.wait("the UserEvent", lambda event: event.get("userevent") == name)
        agent.action("Ping")
        expect(not agent.find(userevent=name), "an event was delivered with events off")
        _, on = agent.action("Events", EventMask="on")
        agent.action("UserEvent", UserEvent=name, Text="on")
        event = agent.wait("the UserEvent", lambda event: event.get("userevent") == name)
        agent.logoff()
        return agent.plain([off, on, event])

    def queue_member(self):
        member = {"Queue": "empty", "Interface": f"Local/20{SLOT}@tests"}
        self.admin.action("QueueRemove", **member)  # what a run that broke off may have left
        replies = [self.admin.action(name, **member, **headers)[1] for name, headers in (
            ("QueueAdd", {"MemberName": "Carol", "Penalty": "2"}), ("QueueAdd", {}), ("QueuePause", {"Paused": "true"}),
            ("QueueRemove", {}), ("QueueRemove", {}))]
        expect([reply.get("response") for reply in replies] == ["Success", "Error", "Success", "Success", "Error"],
               f"replies {replies}")
        return self.admin.plain(replies)

    def events_without_the_right(self):
        limited = self.connect("limited", "limitedpw")
        action_id, _ = self.admin.action("UserEvent", UserEvent="NotForYou")
        self.admin.wait("the UserEvent", lambda event: event.get("userevent") == "NotForYou"
                        and event.get("actionid") == action_id)
        limited.action("Ping")
        expect(not limited.find(userevent="NotForYou"), "an event was delivered without the right to read it")
        limited.logoff()
        return "not delivered"

    def action_without_the_right(self):
        limited = self.connect("limited", "limitedpw")
        _, reply = limited.action("Command", Command="core show version")
        expect(reply.get("message") == "Permission denied", f"reply {reply}")
        _, still = limited.action("Ping")
        limited.logoff()
        return limited.plain([reply, still])

    def any_action_without_rights(self):
        events = self.connect("events", "eventspw")
        _, reply = events.action("Originate", Channel="Local/100@tests", Context="caller", Exten="s", Priority="1")
        expect(reply.get("message") == "Permission denied", f"reply {reply}")
        events.logoff()
        return events.plain(reply)

    def application_without_the_right(self):
        limited = self.connect("limited", "limitedpw")
        _, reply = limited.action("Originate", Channel="Local/100@tests", Application="System", Data="true")
        expect(reply.get("response") == "Error", f"reply {reply}")
        limited.logoff()
        return limited.plain(reply)

    def variable_of_the_account(self):
        session = self.connect("setvar", "setvarpw")
        _, answered = session.call("Local/102@tests/n")
        seen = session.wait("VarSet of the account's variable", lambda event: event.get("event") == "VarSet"
                            and event.get("linkedid") == answered["uniqueid"] and "FROM_ACCOUNT" in json.dumps(event))
        session.logoff()
        return session.plain(seen)

    def logoff(self):
        reply = self.admin.logoff()
        expect(reply.get("response") == "Goodbye", f"reply {reply}")
        self.admin.wait_closed()
        return self.admin.plain(reply)


def main(session_class):
    """Runs all checks of `Checks` against the host and port of the command line; the exit status says how many failed."""
    host, port = sys.argv[1], int(sys.argv[2])
    checks = Checks(lambda user, secret: session_class(host, port, user, secret))
    names = [name for name in vars(Checks) if not name.startswith("_")]
    failed = 0
    for name in names:
        try:
            line = {"check": name, "outcome": getattr(checks, name)()}
        except Exception as error:  # Whatever a library throws is the outcome of this check, not the end of the run.
            failed += 1
            line = {"check": name, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(line), flush=True)
    # The libraries' threads and sockets are not waited for.
    os._exit(min(failed, 100))
