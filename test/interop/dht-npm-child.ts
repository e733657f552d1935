/** A DHT node from npm on port 6881 of an address, driven by lines of JSON. */
import { createInterface } from 'node:readline';
import { Client } from 'bittorrent-dht';
import { ed25519 } from '#src/os/linux/ed25519.ts';

const [address = '', bootstrap] = process.argv.slice(2);
const dht = new Client({
  bootstrap: bootstrap === undefined ? false : [bootstrap],
  verify: (signature, message, key) => ed25519.verify(key, signature, message),
});

/** The value that its callback is given, or how it fails. */
const called = <T>(
  run: (done: (error: Error | null, value?: T) => void) => void,
): Promise<T | undefined> =>
  new Promise((resolve, reject) =>
    run((error, value) => (error === null || error === undefined ? resolve(value) : reject(error))),
  );

async function lookup(infoHash: string): Promise<readonly string[]> {
  const peers = new Set<string>();
  const heard = (peer: { readonly host: string; readonly port: number }): void =>
    void peers.add(`${peer.host}:${peer.port}`);
  dht.on('peer', heard);
  await called<number>((done) => dht.lookup(infoHash, done));
  dht.off('peer', heard);
  return [...peers];
}

const COMMANDS: Readonly<Record<string, (...args: string[]) => Promise<unknown>>> = {
  nodes: async () => dht.toJSON().nodes.length,
  announce: async (infoHash = '', port = '') => {
    await called((done) => dht.announce(infoHash, Number(port), done));
    return true;
  },
  peers: async (infoHash = '') => lookup(infoHash),
  put: async (value = '') => {
    const hash = await called<Buffer>((done) => dht.put({ v: Buffer.from(value) }, done));
    return hash?.toString('hex');
  },
  get: async (target = '') => {
    const found = await called<{ readonly v: Uint8Array } | null>((done) => dht.get(target, done));
    return found ? Buffer.from(found.v).toString() : '';
  },
};

dht.on('error', (error) => process.stderr.write(`${error.message}\n`));
dht.listen(6881, address, async () => {
  process.stdout.write('["ready"]\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const [name = '', ...args] = JSON.parse(line) as string[];
    const answer = await (COMMANDS[name]?.(...args) ?? Promise.reject(new RangeError(name))).then(
      (value) => ['ok', value],
      (error) => ['error', String(error)],
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
});
