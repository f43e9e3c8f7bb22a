"""_bad_network.py NAMESPACE_A NAMESPACE_B [OPTION...]: a bad line between two network namespaces.

Gives each namespace a network device, 10.77.0.1 and 10.77.0.2, and carries the packets between them
as a long line does that is not in order. Prints "ready" when it is there; ends with SIGTERM.
  --seed N       of all choices
  --loss P       percent of the packets that do not arrive
  --double P     percent that arrive twice
  --delay MS     how long each one is under way, and
  --jitter MS    how much longer at most: later ones may overtake it
  --reset P      percent of the TCP packets with data that arrive as a reset of their connection
"""
import argparse
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
FLAGS_AT, RST, ACK = 13, 4, 16


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("namespaces", nargs=2)
    for name, kind in (("seed", int), ("loss", float), ("double", float), ("delay", float), ("jitter", float),
                       ("reset", float)):
        parser.add_argument("--" + name, type=kind, default=0)
    return parser.parse_args()


def device(namespace, address, peer):
    """A network device in the namespace; its packets come from and go to the descriptor."""
    name = "sleytun%d" % (os.getpid() % 1000000)
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    inside = ["ip", "-n", namespace]
    for command in (["ip", "link", "set", name, "netns", namespace],
                    inside + ["link", "set", name, "name", "line"],
                    inside + ["link", "set", "lo", "up"],
                    inside + ["addr", "add", address, "peer", peer, "dev", "line"],
                    inside + ["link", "set", "line", "up"],
                    # Lost packets are sent again after the time that this line takes, not after 200 ms.
                    inside + ["route", "replace", peer, "dev", "line", "src", address, "rto_min", "20ms"]):
        subprocess.run(command, check=True)
    return fd


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF ^ total


def has_data(packet):
    """Whether it is a TCP segment that carries something."""
    if packet[0] != 0x45 or packet[9] != 6:
        return False
    return len(packet) > 20 + (packet[20 + 12] >> 4) * 4


def reset_of(packet):
    """The same segment as a reset, as somebody on the line would forge it."""
    tcp = bytearray(packet[20:40])
    tcp[12], tcp[FLAGS_AT], tcp[16:18] = 5 << 4, RST | ACK, b"\0\0"
    pseudo = packet[12:20] + struct.pack("!HH", 6, len(tcp))
    tcp[16:18] = struct.pack("!H", checksum(pseudo + bytes(tcp)))
    ip = bytearray(packet[:20])
    ip[2:4], ip[10:12] = struct.pack("!H", 40), b"\0\0"
    ip[10:12] = struct.pack("!H", checksum(bytes(ip)))
    return bytes(ip) + bytes(tcp)


def carry(line, fds):
    chance = random.Random(line.seed)
    under_way, number = [], 0  # (when it arrives, number, where, packet)
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) * 1000 if under_way else None
        for fd, _ in poll.poll(wait):
            packet = os.read(fd, 65536)
            if has_data(packet) and chance.random() * 100 < line.reset:
                packet = reset_of(packet)
            copies = 0 if chance.random() * 100 < line.loss else 2 if chance.random() * 100 < line.double else 1
            for _ in range(copies):
                arrival = time.monotonic() + (line.delay + chance.random() * line.jitter) / 1000
                number += 1
                heapq.heappush(under_way, (arrival, number, fds[1] if fd == fds[0] else fds[0], packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, fd, packet = heapq.heappop(under_way)
            try:
                os.write(fd, packet)
            except OSError:  # the other end is not up, or its queue is full: one more that is lost
                pass


def main():
    line = options()
    ends = ["10.77.0.1", "10.77.0.2"]
    fds = [device(line.namespaces[i], ends[i], ends[1 - i]) for i in range(2)]
    print("ready", flush=True)
    carry(line, fds)


main()
