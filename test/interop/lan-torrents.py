"""Real BitTorrent for lan-torrents.test.ts, of libtorrent. One JSON line says that it is ready, or done.

    lan-torrents.py seed FOLDER     torrents plain, utp, secret and tracked, on ports 6881 to 6883 of
                                    198.51.100.1, with a tracker at port 6969; plain at 5.6.7.1:6885, too
    lan-torrents.py leech FOLDER NAME ADDRESS     fetches FOLDER/NAME.torrent over what its name says
"""
import http.server
import json
import os
import sys
import threading
import time
import urllib.parse
import warnings

import libtorrent as lt

warnings.simplefilter("ignore")
SEEDER = "198.51.100.1"
SIZE = 3_000_000
PORTS = {"plain": 6881, "tracked": 6881, "utp": 6882, "secret": 6883}


def session(address, port, name):
    utp, secret = name == "utp", name == "secret"
    policy = lt.enc_policy.forced if secret else lt.enc_policy.disabled
    return lt.session({
        "listen_interfaces": "%s:%d" % (address, port),
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_incoming_tcp": not utp, "enable_outgoing_tcp": not utp,
        "enable_incoming_utp": utp, "enable_outgoing_utp": utp,
        "in_enc_policy": int(policy), "out_enc_policy": int(policy),
        "allowed_enc_level": int(lt.enc_level.rc4), "prefer_rc4": True,
        "allow_multiple_connections_per_ip": True,
    })


def tell(value):
    print(json.dumps(value), flush=True)


def seed(folder):
    ports = {}
    sessions = {}
    hashes = {}
    for name, port in PORTS.items():
        with open(os.path.join(folder, name + ".bin"), "wb") as out:
            out.write((name.encode() * SIZE)[:SIZE])
        files = lt.file_storage()
        lt.add_files(files, os.path.join(folder, name + ".bin"))
        made = lt.create_torrent(files, flags=lt.create_torrent.v1_only)
        made.add_tracker("http://%s:6969/announce" % SEEDER)
        lt.set_piece_hashes(made, folder)
        path = os.path.join(folder, name + ".torrent")
        with open(path, "wb") as out:
            out.write(lt.bencode(made.generate()))
        if port not in sessions:
            sessions[port] = session(SEEDER, port, name)
        info = lt.torrent_info(path)
        params = {"ti": info, "save_path": folder, "flags": lt.torrent_flags.seed_mode}
        handle = sessions[port].add_torrent(params)
        handle.replace_trackers([])
        hashes[name] = str(info.info_hash())
        ports[bytes.fromhex(hashes[name])] = port

    # Of no network of the router's: who is asked for metadata.
    far = session("5.6.7.1", 6885, "plain")
    params = {"ti": lt.torrent_info(os.path.join(folder, "plain.torrent")), "save_path": folder}
    far.add_torrent({**params, "flags": lt.torrent_flags.seed_mode}).replace_trackers([])

    class Tracker(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            query = urllib.parse.urlsplit(self.path).query
            info = urllib.parse.parse_qs(query, encoding="latin1").get("info_hash", [""])[0].encode("latin1")
            peers = bytes(map(int, SEEDER.split("."))) + ports.get(info, 1).to_bytes(2, "big")
            body = lt.bencode({b"interval": 1800, b"peers": peers})
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((SEEDER, 6969), Tracker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tell([hashes, SIZE])
    sys.stdin.read()


def leech(folder, name, address):
    client = session(address, 6890, name)
    info = lt.torrent_info(os.path.join(folder, name + ".torrent"))
    into = os.path.join(folder, "got-" + name)
    os.makedirs(into, exist_ok=True)
    handle = client.add_torrent({"ti": info, "save_path": into})
    if name in ("plain", "utp"):
        handle.replace_trackers([])
        handle.connect_peer((SEEDER, PORTS[name]))
    end = time.time() + 60
    while time.time() < end and not handle.status().is_seeding:
        time.sleep(0.1)
    status = handle.status()
    tell({"done": status.is_seeding, "payload": status.total_payload_download, "all": status.total_download})


warnings.simplefilter("ignore")
if sys.argv[1] == "seed":
    seed(sys.argv[2])
else:
    leech(*sys.argv[2:])
