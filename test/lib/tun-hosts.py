"""Hosts behind a TUN device that answer echo requests as they are told.

    tun-hosts.py IFNAME JSON

JSON maps an IPv4 address to what its host does: {"delays": [ms, ...]} answers the nth request after the
nth delay, over and over; {"pattern": "110"} answers where there is a 1; "copies" answers so often;
"unreachable": CODE tells that instead of an answer; "ttl" is that of its answers. Requests to others are
ignored. Prints `ready`, then for each answer `ADDRESS SEQUENCE HELD_US`: how long it was held here. Ends with its input.
"""
import fcntl
import heapq
import json
import os
import select
import struct
import sys
import time


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source, target, ttl, payload):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, ttl, 1, 0, source, target)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def icmp(kind, code, rest):
    body = struct.pack(">BBH", kind, code, 0) + rest
    return body[:2] + struct.pack(">H", checksum(body)) + body[4:]


def main():
    name, hosts = sys.argv[1], json.loads(sys.argv[2])
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    # TUNSETIFF; IFF_TUN without packet information.
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH", name.encode(), 0x1001))
    print("ready", flush=True)
    counts, waiting, order = {}, [], 0
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, data, address, sequence, came = heapq.heappop(waiting)
            held = int((time.monotonic() - came) * 1e6)
            os.write(tun, data)
            if sequence >= 0:
                print(address, sequence, held, flush=True)
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([tun, sys.stdin], [], [], timeout)
        if sys.stdin in ready and not sys.stdin.buffer.read1(1):
            return
        if tun not in ready:
            continue
        while True:
            try:
                data = os.read(tun, 2048)
            except BlockingIOError:
                break
            came = time.monotonic()
            if len(data) < 28 or data[0] != 0x45 or data[9] != 1 or data[20] != 8:
                continue
            source, target = data[12:16], data[16:20]
            address = ".".join(map(str, target))
            host = hosts.get(address)
            if host is None:
                continue
            n = counts.get(address, 0)
            counts[address] = n + 1
            pattern = host.get("pattern", "1")
            if pattern[n % len(pattern)] != "1":
                continue
            delays = host.get("delays", [0])
            due = came + delays[n % len(delays)] / 1000
            if "unreachable" in host:
                body = icmp(3, host["unreachable"], b"\0\0\0\0" + data[:28])
                answer, sequence = packet(target, source, 64, body), -1
            else:
                answer = packet(target, source, host.get("ttl", 64), icmp(0, 0, data[24:]))
                sequence = struct.unpack(">H", data[26:28])[0]
            for _ in range(host.get("copies", 1)):
                order += 1
                heapq.heappush(waiting, (due, order, answer, address, sequence, came))


main()
