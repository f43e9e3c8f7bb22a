"""The servers: nginx and sley-flagserver on free ports of the loopback, and what they serve.

nginx has four doors: HTTP; HTTP that lets each answer through slowly; TLS with HTTP/1.1; TLS with
HTTP/2. The last two refuse the other version, so that nobody is measured with what the row is not
about. It serves random bytes, made anew each time; the digests are computed while they are made. A
number and a dash before a name are cut off, so that one file can be downloaded under many names.

sley-flagserver is a thousand hosts in one process, each with an address of its own in 127.0.0.0/8,
delays, and errors whose sequence a seed decides.

A port that was free a moment ago can be taken; then nginx says so and other ports are tried. All
servers end with this process, however it ends.
"""
import ctypes
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess

from . import shapes

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
FLAGS = "/usr/share/flags/countries/16x11"
COUNTRIES = "/usr/share/iso-codes/json/iso_3166-1.json"
PIECE = 1 << 24
DOORS = ("plain", "slow", "tls", "http2")

CONFIGURATION = """
{user}
daemon off;
worker_processes auto;
worker_rlimit_nofile {descriptors};
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections {connections}; }}
http {{
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max={cached} inactive=1h;
    root {root};
    ssl_certificate {home}/server.pem; ssl_certificate_key {home}/server.key;
    http2_max_concurrent_streams 256;
    server {{ listen {address}:{plain} backlog=4096; {rename} }}
    server {{ listen {address}:{slow} backlog=4096; limit_rate {rate}; {rename} }}
    server {{
        listen {address}:{tls} ssl backlog=4096; {rename}
        if ($server_protocol != HTTP/1.1) {{ return 421; }}
    }}
    server {{
        listen {address}:{http2} ssl http2 backlog=4096; {rename}
        if ($server_protocol != HTTP/2.0) {{ return 421; }}
    }}
}}
"""

CONNECTIONS = 8192  # of a worker of nginx
RENAME = "rewrite ^/[0-9]+-(.*)$ /$1;"


class Missing(Exception):
    """Something that is needed is not installed; one line."""


def end_with_us():
    """In the child, before it becomes the program: it does not outlive this process."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def descriptors():
    """How many files a server may have open, and how many of them it may keep so."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if os.geteuid() == 0 or most == resource.RLIM_INFINITY:
        most = max(most, 65536)
    return most, max(256, min(30000, most - 2 * CONNECTIONS))


def find(program):
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not path:
        raise Missing(f"there is no {program}")
    return path


def free_ports(count, address="127.0.0.1"):
    """Ports that nobody has at this moment."""
    held = [socket.create_server((address, 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def make_file(path, size, seed):
    """Random bytes; the digest."""
    chance, digest = random.Random(seed), hashlib.sha256()
    with open(path, "wb") as file:
        for begin in range(0, size, PIECE):
            piece = chance.randbytes(min(PIECE, size - begin))
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cpu_of(pid):
    """CPU seconds of the process and its children that live."""
    total, ticks = 0, os.sysconf("SC_CLK_TCK")
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            words = file.read().rpartition(")")[2].split()
        total = (int(words[11]) + int(words[12])) / ticks
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            total += sum(cpu_of(child) for child in file.read().split())
    except (OSError, IndexError):
        pass  # it is not there: it needs nothing
    return total


class Content:
    """The files that nginx serves: name -> (size, digest)."""

    def __init__(self, root, seed=1):
        self.root, self.known, self.seed = root, {}, seed
        os.makedirs(root, exist_ok=True)

    def add(self, name, size):
        self.seed += 1
        self.known[name] = (size, make_file(os.path.join(self.root, name), size, self.seed))

    def add_small(self, kind, count):
        """So many files of 1 to 20 KiB; their names."""
        chance = random.Random(count)
        names = [f"{kind}{number:05}" for number in range(count)]
        for name in names:
            self.add(name, chance.randint(shapes.SMALL_LEAST, shapes.SMALL_MOST))
        return names

    def wanted(self, base, name, file=None):
        """The file of that name, or `file` under that name, at the server `base`."""
        size, digest = self.known[file or name]
        return shapes.Wanted(f"{base}/{name}", name, size, digest)


def run_openssl(*arguments):
    done = subprocess.run([find("openssl"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.strip()[-200:]}")


def make_authority(home):
    """A certificate authority of our own, and one certificate of it for the loopback."""
    def path(name):
        return os.path.join(home, name)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    run_openssl("req", "-x509", *key, "-subj", "/CN=sley load tests", "-keyout", path("ca.key"), "-out",
                path("ca.pem"))
    run_openssl("req", "-x509", *key, "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-subj",
                "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext",
                "basicConstraints=critical,CA:FALSE", "-keyout", path("server.key"), "-out",
                path("server.pem"))
    return path("ca.pem")


class Server:
    """A process that serves."""

    def __init__(self, command, **options):
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True,
                                      preexec_fn=end_with_us, **options)

    def cpu(self):
        return cpu_of(self.child.pid)

    def stop(self, number=signal.SIGTERM):
        """With all that it has started."""
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            pass
        self.child.wait()


class Nginx:
    def __init__(self, home, root, rate, address="127.0.0.1", prefix=()):
        """prefix: a command that runs it elsewhere (in a network namespace)."""
        self.program, self.home, self.root = find("nginx"), os.path.abspath(home), os.path.abspath(root)
        self.rate, self.address, self.prefix = rate, address, list(prefix)
        os.makedirs(self.home, exist_ok=True)
        self.authority = make_authority(self.home)
        self.ports, self.server = None, None
        for _ in range(10):
            self.ports = dict(zip(DOORS, free_ports(len(DOORS))))
            if self.start():
                return
        raise RuntimeError(f"nginx does not start: {self.said()}")

    def start(self):
        """On the same ports as before; whether it serves."""
        path = os.path.join(self.home, "nginx.conf")
        most, cached = descriptors()
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(home=self.home, root=self.root, rate=self.rate,
                                            rename=RENAME, descriptors=most, cached=cached,
                                            connections=CONNECTIONS,
                                            user="user root;" if os.geteuid() == 0 else "",
                                            address=self.address, **self.ports))
        with open(os.path.join(self.home, "said"), "wb") as said:
            self.server = Server(self.prefix + [self.program, "-p", self.home, "-c", path], stderr=said)
        pid = os.path.join(self.home, "pid")
        while self.server.child.poll() is None:
            # It listens before it writes its number.
            if os.path.exists(pid):
                return True
            try:
                self.server.child.wait(0.005)
            except subprocess.TimeoutExpired:
                continue
        return False

    def said(self):
        with open(os.path.join(self.home, "said"), encoding="utf-8", errors="replace") as file:
            return file.read().strip()[-300:]

    def base(self, door):
        scheme = "https" if door in ("tls", "http2") else "http"
        return f"{scheme}://{self.address}:{self.ports[door]}"

    def stop(self, number=signal.SIGTERM):
        self.server.stop(number)
        pid = os.path.join(self.home, "pid")
        if os.path.exists(pid):
            os.unlink(pid)


def host_address(number):
    return f"127.77.{number // 200}.{number % 200 + 1}"


def served_countries():
    """Codes of the countries that have a flag here."""
    with open(COUNTRIES, encoding="utf-8") as file:
        codes = [country["alpha_2"].lower() for country in json.load(file)["3166-1"]]
    return sorted(code for code in codes if os.path.exists(os.path.join(FLAGS, f"{code}.gif")))


class Hosts:
    """sley-flagserver as many hosts."""

    def __init__(self, program, sizes):
        kinds = ["503", "abort", "truncate"]
        command = [program, "--delay", sizes.delay, "--jitter", sizes.jitter, "--error-rate", "5%"]
        for number in range(sizes.hosts):
            turn = number % len(kinds)
            command += ["--port", "0", "--address", host_address(number), "--seed", str(number),
                        "--errors", ",".join(kinds[turn:] + kinds[:turn])]
        self.server = Server(command, stdout=subprocess.PIPE)
        self.bases = []
        for line in self.server.child.stdout:
            if line.startswith(b"http"):
                self.bases.append(line.split(b"/flags/")[0].decode())
            else:
                break
        if len(self.bases) != sizes.hosts:
            self.stop()
            raise RuntimeError("sley-flagserver does not serve that many hosts")

    def wanted(self, files_per_host):
        countries, known = served_countries(), {}
        for number, base in enumerate(self.bases):
            for turn in range(files_per_host):
                country = countries[(number * files_per_host + turn) % len(countries)]
                path = os.path.join(FLAGS, f"{country}.gif")
                if country not in known:
                    known[country] = os.path.getsize(path), digest_of(path)
                host = base.split("//")[1].split(":")[0]
                yield shapes.Wanted(f"{base}/flags/{country}/{country}.gif", f"{host}-{country}.gif",
                                    *known[country])

    def cpu(self):
        return self.server.cpu()

    def stop(self):
        self.server.stop(signal.SIGINT)
        self.server.child.stdout.close()


class Site:
    """All of it, and the rows that can be downloaded from it."""

    def __init__(self, home, flagserver, sizes):
        self.home, self.sizes = os.path.abspath(home), sizes
        self.content = Content(os.path.join(self.home, "www"))
        self.nginx = Nginx(os.path.join(self.home, "nginx"), self.content.root, sizes.active_rate)
        self.hosts = None
        self.flagserver = flagserver
        self.shapes, self.small_names = {}, []

    def prepare(self, rows, tell):
        """Makes what those rows need."""
        tell("making the files that are served")
        for row in rows:
            files, parallel = getattr(self, f"make_{row}")()
            shape = shapes.Shape(files, parallel, os.path.join(self.home, "lists", row),
                                 in_memory=row == "tmpfs", lossy=row == "hosts",
                                 authority=self.nginx.authority)
            shapes.write_lists(shape.lists, files)
            self.shapes[row] = shape

    def small(self, count, door):
        if not self.small_names:
            self.small_names = self.content.add_small("s", max(self.sizes.small, self.sizes.tls))
        base = self.nginx.base(door)
        return [self.content.wanted(base, name) for name in self.small_names[:count]]

    def make_small(self):
        return self.small(self.sizes.small, "plain"), 64

    make_tmpfs = make_small

    def make_tls(self):
        return self.small(self.sizes.tls, "tls"), 64

    def make_http2(self):
        return self.small(self.sizes.tls, "http2"), 64

    def make_many(self):
        base = self.nginx.base("plain")
        names = [wanted.name for wanted in self.make_small()[0]]
        return [self.content.wanted(base, f"{copy}-{name}", name)
                for copy in range(self.sizes.copies) for name in names], 64

    def make_big(self):
        names = [f"b{number}" for number in range(self.sizes.big)]
        for name in names:
            self.content.add(name, self.sizes.big_size)
        base = self.nginx.base("plain")
        return [self.content.wanted(base, name) for name in names], self.sizes.big

    def make_active(self):
        kinds = [f"a{number}" for number in range(min(20, self.sizes.active))]
        for name in kinds:
            self.content.add(name, shapes.ACTIVE_SIZE)
        base = self.nginx.base("slow")
        return [self.content.wanted(base, f"{number}-{kinds[number % len(kinds)]}",
                                    kinds[number % len(kinds)])
                for number in range(self.sizes.active)], self.sizes.active

    def make_hosts(self):
        self.hosts = Hosts(self.flagserver, self.sizes)
        return list(self.hosts.wanted(self.sizes.files_per_host)), 200

    def cpu(self):
        """CPU seconds of the servers so far."""
        return self.nginx.server.cpu() + (self.hosts.cpu() if self.hosts else 0)

    def close(self):
        self.nginx.stop()
        if self.hosts:
            self.hosts.stop()
        shutil.rmtree(self.home, ignore_errors=True)
