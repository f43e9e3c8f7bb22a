"""_dns_server.py: a name server whose answers are known.

Listens on a free UDP port and prints "ADDRESS:PORT". What it says is decided by the
beginning of a name's first label:

  ok...       has every type that is asked for: A 127.0.0.1, AAAA ::1, MX, TXT, NS, SRV, CNAME, PTR
  four...     A 127.0.0.1, and no other type
  six...      AAAA ::1, and no other type
  two...      A 127.0.0.3 and 127.0.0.1, in this order
  odd...      MX and TXT with bytes that are better not printed
  nodata...   no type
  servfail..., refused...
  garbled...  an answer that cannot be read
  silent...   no answer
  slow...     no answer until somebody asks, or has asked, for a name that begins with "go"
  once...     no answer to the first query for the name, one to the next
  anything else does not exist
The first argument is a file that gets a line for each query, "TYPE name"; the second one an address
other than 127.0.0.1.
"""
import socket
import struct
import sys

TYPES = {1: "A", 2: "NS", 5: "CNAME", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV"}


def name(text):
    return b"".join(bytes([len(part)]) + part for part in text.split(b".")) + b"\0"


DATA = {
    1: b"\x7f\0\0\1",
    2: name(b"ns.test"),
    5: name(b"target.test"),
    12: name(b"pointer.test"),
    15: struct.pack("!H", 10) + name(b"mail.test"),
    16: b"\x05hello\x06 world",
    28: b"\0" * 15 + b"\1",
    33: struct.pack("!HHH", 1, 2, 5060) + name(b"sip.test"),
}
ODD = {15: struct.pack("!H", 1) + name(b'a\x1b[31m"\\b.test'), 16: b'\x09\x1b[2J"\\\xc3\xa9\n'}


def records(label, kind):
    if label.startswith(b"ok") or label.startswith(b"slow") or label.startswith(b"once"):
        return [DATA[kind]] if kind in DATA else []
    if label.startswith(b"four"):
        return [DATA[1]] if kind == 1 else []
    if label.startswith(b"six"):
        return [DATA[28]] if kind == 28 else []
    if label.startswith(b"two"):
        return [b"\x7f\0\0\3", b"\x7f\0\0\1"] if kind == 1 else []
    if label.startswith(b"odd"):
        return [ODD[kind]] if kind in ODD else []
    return []


def answer(query, end, label, kind):
    found = records(label, kind)
    code = 0
    for text, number in ((b"servfail", 2), (b"refused", 5)):
        if label.startswith(text):
            code = number
    known = (b"ok", b"four", b"six", b"two", b"odd", b"nodata", b"slow", b"once", b"garbled")
    if not code and not label.startswith(known):
        code = 3
    head = query[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(found), 0, 0)
    body = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data for data in found)
    if label.startswith(b"garbled"):
        return query[:2] + struct.pack("!HHHHH", 0x8580, 1, 5, 0, 0) + query[12:end]
    return head + query[12:end] + body


def main():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    server.bind((address, 0))
    print("%s:%d" % server.getsockname(), flush=True)
    log = open(sys.argv[1], "wb", buffering=0) if len(sys.argv) > 1 else None
    late, seen, gone = [], set(), False
    while True:
        query, sender = server.recvfrom(4096)
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]])
            at += 1 + query[at]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        label = labels[0] if labels else b""
        if log:
            log.write(TYPES.get(kind, "?").encode() + b" " + b".".join(labels) + b"\n")
        if label.startswith(b"silent") or (label.startswith(b"once") and label not in seen):
            seen.add(label)
            continue
        packet = answer(query, at + 5, label, kind)
        if label.startswith(b"slow") and not gone:
            late.append((packet, sender))
        else:
            server.sendto(packet, sender)
        if label.startswith(b"go"):
            for packet, sender in late:
                server.sendto(packet, sender)
            late, gone = [], True


main()
