"""Twelve DHT nodes of libtorrent, driven by lines on stdin: one JSON array each way."""
import hashlib
import json
import sys
import time
import warnings

import libtorrent as lt

FIRST, COUNT, BOOT4, BOOT6 = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
PORT = 6881
warnings.simplefilter("ignore")


def settings(index):
    four, six = "10.77.0.%d" % (FIRST + index), "fd77::%x" % (FIRST + index)
    return {
        "listen_interfaces": "%s:%d,[%s]:%d" % (four, PORT, six, PORT),
        "alert_mask": int(lt.alert.category_t.all_categories),
        "enable_dht": True,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "dht_bootstrap_nodes": "%s:%d,[%s]:%d" % (BOOT4, PORT, BOOT6, PORT),
        "dht_restrict_routing_ips": False,
        "dht_restrict_search_ips": False,
        "dht_prefer_verified_node_ids": False,
        "dht_enforce_node_id": False,
        "dht_block_ratelimit": 100000,
        "dht_upload_rate_limit": 10000000,
        "alert_queue_size": 100000,
    }


sessions = [lt.session(settings(i)) for i in range(COUNT)]


def alerts(session, kind, seconds, wanted):
    """What `wanted` gives for an alert of a kind, the first that is something."""
    end = time.time() + seconds
    while time.time() < end:
        session.wait_for_alert(100)
        for alert in session.pop_alerts():
            if type(alert).__name__ == kind:
                found = wanted(alert)
                if found is not None:
                    return found
    return None


def nodes(seconds):
    end = time.time() + seconds
    while time.time() < end:
        counts = [s.status().dht_nodes for s in sessions]
        if min(counts) >= 3:
            return counts
        time.sleep(0.2)
    return [s.status().dht_nodes for s in sessions]


def expanded(seed):
    key = bytearray(hashlib.sha512(seed).digest())
    key[0] &= 248
    key[31] &= 63
    key[31] |= 64
    return bytes(key)


def run(name, args):
    if name == "nodes":
        return nodes(30)
    session = sessions[args[0] % COUNT]
    session.pop_alerts()
    if name == "announce":
        torrent = lt.add_torrent_params()
        torrent.info_hash = lt.sha1_hash(bytes.fromhex(args[1]))
        torrent.save_path = args[2]
        # Nobody says when it is announced: who looks for it asks again.
        session.add_torrent(torrent).force_dht_announce()
        return True
    if name == "peers":
        digest = lt.sha1_hash(bytes.fromhex(args[1]))
        end = time.time() + 20
        while time.time() < end:
            session.dht_get_peers(digest)
            found = alerts(session, "dht_get_peers_reply_alert", 2,
                           lambda a: [list(p) for p in a.peers()] or None)
            if found:
                return found
        return None
    if name == "put":
        digest = session.dht_put_immutable_item(args[1])
        return [str(digest), alerts(session, "dht_put_alert", 20, lambda a: a.num_success)]
    if name == "get":
        session.dht_get_immutable_item(lt.sha1_hash(bytes.fromhex(args[1])))
        return alerts(session, "dht_immutable_item_alert", 20, lambda a: text(a.item))
    if name == "put-mutable":
        seed, public = bytes.fromhex(args[1]), bytes.fromhex(args[2])
        session.dht_put_mutable_item(expanded(seed), public, args[3].encode(), args[4].encode())
        return alerts(session, "dht_put_alert", 20, lambda a: a.num_success)
    if name == "get-mutable":
        session.dht_get_mutable_item(bytes.fromhex(args[1]), args[2].encode())
        return alerts(session, "dht_mutable_item_alert", 20, lambda a: text(a.item))
    raise ValueError(name)


def text(item):
    value = item["value"] if isinstance(item, dict) and "value" in item else item
    if isinstance(value, bytes):
        return value.decode("latin1")
    return value if isinstance(value, str) and value else None


print(json.dumps(["ready"]), flush=True)
for line in sys.stdin:
    name, *args = json.loads(line)
    try:
        print(json.dumps(["ok", run(name, args)]), flush=True)
    except Exception as fault:  # the test sees what it says
        print(json.dumps(["error", repr(fault)]), flush=True)
