#!/usr/bin/env python3
"""Starts, stops and signals the real Asterisk instances the tests use.

One instance is one process in the chroot of its version (tests/asterisk/install), with a home directory of its own
inside (configuration, database, spool, log), and ports of its own on 127.0.0.1. The commands beside this file (up,
down, status, kill, stop, freeze, thaw, env, render, ready) are its verbs.

    AMIPLEX_TEST_CACHE      where install put the chroots (default tests/.cache)
    AMIPLEX_TEST_PORT_BASE  first port of this set of instances (default 21000); sets with different bases, at least
                            1000 apart, run side by side and know nothing of each other

A process is signalled only after its start time was compared with the one noted when it was started, so that a
reused pid is never hit.
"""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.abspath(os.environ.get("AMIPLEX_TEST_CACHE") or os.path.join(os.path.dirname(HERE), ".cache"))
CONF = os.path.join(HERE, "conf")

# Name: Asterisk's major version. The place in this list gives the ports (see Pbx).
INSTANCES = {"pbx1": 22, "pbx2": 16, "pbx3": 22}

# uid and gid of `asterisk` in the chroots (tests/asterisk/install writes them).
ASTERISK_ID = 101

READY_SECONDS = 60
STOP_SECONDS = 10


class Failure(Exception):
    """Something the caller must be told in one line."""


def port_base():
    text = os.environ.get("AMIPLEX_TEST_PORT_BASE") or "21000"
    if not text.isdigit() or not 1024 <= int(text) <= 64000:
        raise Failure(f"AMIPLEX_TEST_PORT_BASE must be a number from 1024 to 64000, not {text!r}")
    return int(text)


def amiplex_ports():
    """Ports of an amiplex in front of this set of instances, by the names amiplex.toml.in and `env` use."""
    first = port_base() + 700
    names = ("ALL", "ALL_TLS", "PBX1", "PBX1_TLS", "PBX2", "PBX2_TLS", "ADMIN")
    return {f"AMIPLEX_{name}_PORT": first + place for place, name in enumerate(names)}


def certificate():
    """Path of the certificate (self-signed, for localhost and 127.0.0.1) that every instance presents; made once."""
    path = os.path.join(CACHE, "tls", "ami.crt")
    with lock("tls"):
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            # Not a CA (which `openssl req` makes by default): some verifiers refuse a server whose certificate is one.
            with open(path + ".cnf", "w", encoding="ascii") as request:
                request.write("[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n"
                              "[name]\nCN = localhost\n"
                              "[extensions]\nbasicConstraints = critical, CA:FALSE\n"
                              "subjectAltName = DNS:localhost, IP:127.0.0.1\n")
            made = subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-days", "3650", "-config", path + ".cnf", "-keyout", key_path(), "-out", path + ".new"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if made.returncode != 0:
                raise Failure(f"openssl cannot make a certificate: {made.stderr.strip()}")
            os.rename(path + ".new", path)
    return path


def key_path():
    return os.path.join(CACHE, "tls", "ami.key")


@contextlib.contextmanager
def lock(name):
    """One at a time, between processes too: `up` in two tests must not start one instance twice."""
    os.makedirs(os.path.join(CACHE, "locks"), exist_ok=True)
    with open(os.path.join(CACHE, "locks", name), "w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class Pbx:
    """One instance of this port base."""

    def __init__(self, name):
        if name not in INSTANCES:
            raise Failure(f"unknown instance {name!r} (known: {' '.join(INSTANCES)})")
        self.name = name
        self.major = INSTANCES[name]
        base = port_base()
        first = base + 100 * list(INSTANCES).index(name)
        self.ami_port, self.tls_port, self.sip_port = first + 38, first + 39, first + 60
        # Of the channel drivers that are there for their actions alone; nobody calls through them.
        self.iax_port, self.old_sip_port, self.skinny_port = first + 61, first + 62, first + 63
        self.rtp_port = base + 400 + 100 * list(INSTANCES).index(name)
        self.root = os.path.join(CACHE, f"ast{self.major}")
        # As Asterisk sees it, inside the chroot.
        self.home = f"/instances/{base}/{name}"
        self.lock_name = f"{base}-{name}"

    # -- what is there -------------------------------------------------------------------------------------------

    def outside(self, path=""):
        return os.path.join(self.root + self.home, path)

    def version(self):
        """Version without Debian's suffix, such as 22.10.1."""
        try:
            with open(os.path.join(self.root, ".version"), encoding="utf-8") as text:
                return re.search(r"\d+(\.\d+)+", text.read()).group()
        except (OSError, AttributeError):
            raise Failure(f"{self.name}: Asterisk {self.major} is not in {CACHE}; run tests/asterisk/install") from None

    def pid(self):
        """Pid of the process we started, None when it has ended."""
        try:
            with open(self.outside("pid"), encoding="ascii") as text:
                pid, started = text.read().split()
            return int(pid) if process(int(pid))[1] == started else None
        except (OSError, ValueError):
            return None

    def frozen(self):
        pid = self.pid()
        try:
            return pid is not None and process(pid)[0] == "T"
        except OSError:
            return False

    def facts(self):
        """What tests and configurations are told of it. HOME and MODULES are paths as Asterisk itself sees them."""
        facts = {"VERSION": self.version(), "PORT": self.ami_port, "TLS_PORT": self.tls_port, "HOME": self.home,
                 "MODULES": self.modules_directory()}
        return {f"{self.name.upper()}_{name}": value for name, value in facts.items()}

    def line(self):
        return f"{self.name} {self.version()} {self.ami_port} {self.tls_port} {self.pid()}"

    # -- start ---------------------------------------------------------------------------------------------------

    def modules_directory(self):
        libraries = os.path.join(self.root, "usr/lib")
        for parent in ["", *sorted(os.listdir(libraries))]:
            if os.path.isdir(os.path.join(libraries, parent, "asterisk/modules")):
                return os.path.join("/usr/lib", parent, "asterisk/modules")
        raise Failure(f"{self.name}: no Asterisk modules under {self.root}; run tests/asterisk/install")

    def render(self):
        """A fresh home: nothing an earlier run changed (configuration, AstDB) is left."""
        shutil.rmtree(self.outside(), ignore_errors=True)
        for directory in ("etc", "lib/keys", "spool", "run", "log", "cache"):
            os.makedirs(self.outside(directory))
        modules = self.modules_directory()
        values = {"NAME": self.name, "HOME": self.home, "MODULES": modules, "AMI_PORT": self.ami_port,
                  "TLS_PORT": self.tls_port, "SIP_PORT": self.sip_port, "IAX_PORT": self.iax_port,
                  "OLD_SIP_PORT": self.old_sip_port, "SKINNY_PORT": self.skinny_port,
                  "RTP_START": self.rtp_port, "RTP_END": self.rtp_port + 99}
        for name in sorted(os.listdir(CONF)):
            if name.endswith(".conf"):
                self.write(f"etc/{name}", substitute(os.path.join(CONF, name), values))
        present = set(os.listdir(self.root + modules))
        with open(os.path.join(CONF, "modules.list"), encoding="utf-8") as text:
            wanted = [line.strip() for line in text if line.strip() and not line.startswith("#")]
        self.write("etc/modules.conf", "[modules]\nautoload = no\n"
                   + "".join(f"load = {module}.so\n" for module in wanted if f"{module}.so" in present))
        with open(certificate(), encoding="ascii") as crt, open(key_path(), encoding="ascii") as key:
            self.write("etc/ami.pem", crt.read() + key.read())
        for directory, _, files in os.walk(self.outside()):
            for path in [directory, *(os.path.join(directory, file) for file in files)]:
                os.chown(path, ASTERISK_ID, ASTERISK_ID)

    def write(self, path, text):
        with open(self.outside(path), "w", encoding="utf-8") as out:
            out.write(text)

    def start(self):
        """Starts the process unless it runs; `wait_ready` must follow."""
        self.version()
        if self.pid():
            return
        for port in (self.ami_port, self.tls_port):
            if not port_is_free(port):
                raise Failure(f"{self.name}: port {port} is taken by something else; set AMIPLEX_TEST_PORT_BASE")
        self.render()
        with open(self.outside("log/output"), "wb") as output:
            # -f: no fork, and chroot(8) becomes Asterisk, so this pid is Asterisk's.
            child = subprocess.Popen(
                ["chroot", f"--userspec={ASTERISK_ID}:{ASTERISK_ID}", self.root,
                 "/usr/sbin/asterisk", "-f", "-C", f"{self.home}/etc/asterisk.conf"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", start_new_session=True,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LANG": "C.UTF-8", "TERM": "dumb"})
        self.write("pid", f"{child.pid} {process(child.pid)[1]}\n")

    def wait_ready(self):
        """Returns when the proxy's own account can log in, Asterisk says FullyBooted, and TLS answers."""
        end = time.monotonic() + READY_SECONDS
        why = "never tried"
        while time.monotonic() < end:
            if not self.pid():
                raise Failure(f"{self.name}: Asterisk ended while starting; see {self.outside('log')}")
            if self.frozen():
                raise Failure(f"{self.name}: is frozen; run tests/asterisk/thaw {self.name}")
            try:
                log_in_until(self.ami_port, end, "amiplex", "amiplex-secret", b"", b"Event: FullyBooted")
                tls_greeting(self.tls_port)
                self.modules_loaded()
                return
            except OSError as error:
                why = str(error)
                time.sleep(0.05)
        raise Failure(f"{self.name}: not ready after {READY_SECONDS} s ({why}); see {self.outside('log')}")

    def modules_loaded(self):
        """A module that did not load would be missed much later, as an unknown action or an event that never comes."""
        with open(self.outside("log/messages"), encoding="utf-8", errors="replace") as log:
            bad = [line.strip() for line in log if "declined to load" in line or "Error loading module" in line]
        if bad:
            raise Failure(f"{self.name}: {bad[0]}")

    # -- signals -------------------------------------------------------------------------------------------------

    def signal(self, number):
        pid = self.pid()
        if not pid:
            raise Failure(f"{self.name}: is not running")
        with contextlib.suppress(ProcessLookupError):  # It may end at this moment; who waits for that sees it.
            os.kill(pid, number)

    def wait_gone(self, seconds):
        end = time.monotonic() + seconds
        while self.pid():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def wait_frozen(self, wanted):
        end = time.monotonic() + STOP_SECONDS
        while self.frozen() != wanted:
            if not self.pid() or time.monotonic() > end:
                raise Failure(f"{self.name}: did not {'freeze' if wanted else 'thaw'}")
            time.sleep(0.005)

    def bring_down(self):
        """Orderly if it can, forced if it must; True when something ran."""
        if not self.pid():
            return False
        if self.frozen():
            self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if not self.wait_gone(STOP_SECONDS):
            self.signal(signal.SIGKILL)
            if not self.wait_gone(STOP_SECONDS):
                raise Failure(f"{self.name}: does not end")
        return True


def substitute(path, values):
    """The file's text with each @NAME@ replaced; an unknown one is an error."""
    with open(path, encoding="utf-8") as text:
        try:
            return re.sub(r"@([A-Z0-9_]+)@", lambda match: str(values[match.group(1)]), text.read())
        except KeyError as unknown:
            raise Failure(f"{path}: unknown placeholder {unknown}") from None


def process(pid):
    """(state, start time) of a live process; OSError when there is none. A zombie is none once its last thread has ended:
    until then its files are open and its ports taken."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as text:
        # The second field, the name, may hold blanks and parentheses.
        fields = text.read().rpartition(")")[2].split()
    if fields[0] in "ZX" and len(os.listdir(f"/proc/{pid}/task")) <= 1:
        raise ProcessLookupError(pid)
    return fields[0], fields[19]


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def log_in_until(port, end, account, secret, sent, wanted):
    """Logs in, sends what is to be sent after it, and returns when what is wanted has come."""
    with socket.create_connection(("127.0.0.1", port), 5) as ami:
        login = f"Action: Login\r\nUsername: {account}\r\nSecret: {secret}\r\nEvents: system\r\n\r\n"
        ami.sendall(login.encode() + sent)
        received = b""
        while wanted not in received:
            if b"Response: Error" in received:
                raise ConnectionError("the login or the action after it was refused")
            ami.settimeout(max(0.05, min(5, end - time.monotonic())))
            piece = ami.recv(65536)
            if not piece:
                raise ConnectionError(f"closed before {wanted.decode()}")
            received += piece
        ami.sendall(b"Action: Logoff\r\n\r\n")


def tls_greeting(port):
    context = ssl.create_default_context(cafile=certificate())
    with socket.create_connection(("127.0.0.1", port), 5) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as ami:
            if not ami.recv(64).startswith(b"Asterisk Call Manager/"):
                raise ConnectionError("no greeting over TLS")


# -- verbs -------------------------------------------------------------------------------------------------------


def chosen(names):
    return [Pbx(name) for name in names or INSTANCES]


def exactly_one(names):
    if len(names) != 1:
        raise Failure(f"name one instance (known: {' '.join(INSTANCES)})")
    return Pbx(names[0])


def up(names):
    """Starts instances (default: all) and prints `name version ami_port tls_port pid` for each when all are ready."""
    instances = chosen(names)
    with contextlib.ExitStack() as held:
        for pbx in sorted(instances, key=lambda pbx: pbx.name):
            held.enter_context(lock(pbx.lock_name))
        for pbx in instances:
            pbx.start()
        for pbx in instances:
            pbx.wait_ready()
            print(pbx.line(), flush=True)


def down(names):
    """Ends instances (default: all that run)."""
    for pbx in chosen(names):
        with lock(pbx.lock_name):
            if pbx.bring_down():
                print(f"{pbx.name} down")


def status(names):
    """One line per instance: as `up` prints it, then running, frozen or down."""
    for pbx in chosen(names):
        state = "frozen" if pbx.frozen() else "running" if pbx.pid() else "down"
        print(pbx.line(), state)


def kill(names):
    """SIGKILL: the connections break without a word. Returns when the process is gone."""
    pbx = exactly_one(names)
    with lock(pbx.lock_name):
        pbx.signal(signal.SIGKILL)
        if not pbx.wait_gone(STOP_SECONDS):
            raise Failure(f"{pbx.name}: does not end")


def stop(names):
    """SIGTERM: Asterisk says Shutdown and ends. Returns when the process is gone."""
    pbx = exactly_one(names)
    with lock(pbx.lock_name):
        pbx.signal(signal.SIGTERM)
        if not pbx.wait_gone(STOP_SECONDS):
            raise Failure(f"{pbx.name}: has not ended {STOP_SECONDS} s after SIGTERM")


def freeze(names):
    """SIGSTOP: connections stay, nothing answers."""
    pbx = exactly_one(names)
    with lock(pbx.lock_name):
        pbx.signal(signal.SIGSTOP)
        pbx.wait_frozen(True)


def thaw(names):
    """SIGCONT after freeze."""
    pbx = exactly_one(names)
    with lock(pbx.lock_name):
        pbx.signal(signal.SIGCONT)
        pbx.wait_frozen(False)


def env(names):
    """Shell lines that export what the tests need to know of this port base."""
    values = {"CACHE": CACHE, "PORT_BASE": port_base(), "ASTERISK": HERE, "CERT": certificate(), "KEY": key_path(),
              **amiplex_ports()}
    for pbx in chosen(names):
        values.update(pbx.facts())
    for name, value in values.items():
        quoted = str(value).replace("'", "'\\''")
        print(f"export AMIPLEX_TEST_{name}='{quoted}'")


def ready(ports):
    """Returns when amiplex or Asterisk at each port lets `admin` log in and answers what only Asterisk can answer."""
    end = time.monotonic() + READY_SECONDS
    for port in ports:
        while True:
            try:
                log_in_until(int(port), end, "admin", "adminpw", b"Action: CoreStatus\r\n\r\n", b"CoreCurrentCalls:")
                break
            except (OSError, ValueError) as error:
                if time.monotonic() > end:
                    raise Failure(f"nothing answers at port {port}: {error}") from None
                time.sleep(0.1)


def render(names):
    """Writes the configuration of an amiplex in front of pbx1 and pbx2 to the named directory; prints its path."""
    if len(names) != 1:
        raise Failure("name one directory to write to")
    directory = os.path.abspath(names[0])
    os.makedirs(directory, exist_ok=True)
    source = os.path.join(HERE, "amiplex")
    values = {"DIRECTORY": directory, "CERT": certificate(), "KEY": key_path(), **amiplex_ports()}
    for pbx in chosen(("pbx1", "pbx2")):
        values.update(pbx.facts())
    for name in ("manager.conf", "acl.conf"):
        shutil.copy(os.path.join(source, name), directory)
    path = os.path.join(directory, "amiplex.toml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(substitute(os.path.join(source, "amiplex.toml.in"), values))
    print(path)


VERBS = {verb.__name__: verb for verb in (up, down, status, kill, stop, freeze, thaw, env, render, ready)}


def main(arguments):
    if not arguments or arguments[0] not in VERBS:
        print("\n".join(f"{name:8}{verb.__doc__}" for name, verb in VERBS.items()), file=sys.stderr)
        return 2
    try:
        VERBS[arguments[0]](arguments[1:])
    except Failure as failure:
        print(f"tests/asterisk/{arguments[0]}: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
