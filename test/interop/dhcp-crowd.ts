/**
 * Thousands of DHCP clients behind one interface: `node dhcp-crowd.ts IFNAME`, told what to do by
 * JSON lines (`CrowdOrder`), each answered by one line (`CrowdOutcome`). What was acknowledged to
 * whom is kept exactly: an address that two have, or a lease that is refused before its time, is
 * told as wrong.
 */
import { createInterface } from 'node:readline';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { formatIpv4, formatMac, type Ipv4, ipv4, type Mac, macBytes } from '../../src/base/ip.ts';
import { DHCP, type Dhcp4Message, decodeDhcp4, messageType } from '../../src/wire/dhcp4.ts';
import { decodeUdp4 } from '../../src/wire/udp4.ts';
import type { CrowdOrder, CrowdOutcome } from '../lib/dhcp-crowd.ts';
import { RawPorts } from '../lib/frames.ts';
import { frameOf, mutate, random, requestOf } from './dhcp-packets.ts';

const NONE = ipv4(0);
const BATCH = 64;
/** So often a thing is said before it is given up, where nothing else is wanted: for a minute. */
const PATIENCE = 120;
const TURN_MS = 10;
/** A load says how far it is after so many ACKs. */
const PROGRESS = 250;

interface Client {
  readonly mac: Uint8Array;
  xid: number;
  /** What it waits for; `idle` waits for nothing. */
  state: 'idle' | 'selecting' | 'requesting' | 'bound';
  /** The REQUEST that it says, or said. */
  how: 'selecting' | 'initReboot' | 'renew' | 'rebind';
  address: Ipv4;
  /** What it holds by an ACK. */
  held: Ipv4;
  server: Ipv4;
  serverMac: Uint8Array;
  offered: Set<Ipv4>;
  saidAtMs: number;
  tries: number;
  patient: boolean;
}

interface Counted extends Omit<CrowdOutcome, 'ms' | 'bound' | 'clients' | 'answer'> {
  acked: number;
  naks: number;
  silent: number;
  moved: number;
  released: number;
  doubleOffers: number;
  offers: Record<string, number>;
  acks: Record<string, number>;
  wrong: string[];
}

const clients = new Map<string, Client>();
const byXid = new Map<number, Client>();
const owner = new Map<Ipv4, Client>();
const awake = new Set<Client>();
let xids = 1;
/** The only server whose offers are taken; undefined: the first one's are. */
let wanted: string | undefined;
let counted = fresh();
let finished: (client: Client) => void = () => {};
let heardRaw: ((message: Dhcp4Message, payload: Uint8Array) => void) | undefined;

function fresh(): Counted {
  return {
    ...{ acked: 0, naks: 0, silent: 0, moved: 0, released: 0, doubleOffers: 0 },
    ...{ offers: {}, acks: {}, wrong: [] },
  };
}

const port = new RawPorts().open(process.argv[2] ?? 'eth0', 'dhcp4', {
  frame: (bytes, start, end) => heard(bytes.slice(start, end)),
  batchEnd: () => port.flush(),
});

function clientOf(prefix: string, number: number): Client {
  const text = `${prefix}${number.toString(16).padStart(8, '0')}`;
  let client = clients.get(text);
  if (client === undefined) {
    client = {
      mac: fromHex(text) ?? new Uint8Array(6),
      ...{ xid: 0, state: 'idle', how: 'selecting', address: NONE, held: NONE, server: NONE },
      ...{ serverMac: new Uint8Array(6), offered: new Set(), saidAtMs: 0, tries: 0, patient: true },
    };
    clients.set(text, client);
  }
  return client;
}

// ---- what is said ----------------------------------------------------------------------------

function begin(client: Client, how: Client['how'] | 'discover'): void {
  byXid.delete(client.xid);
  client.xid = xids++;
  byXid.set(client.xid, client);
  client.offered.clear();
  client.tries = 0;
  client.state = how === 'discover' ? 'selecting' : 'requesting';
  client.how = how === 'discover' ? 'selecting' : how;
  if (how !== 'discover') client.address = client.held;
  say(client);
}

function say(client: Client): void {
  const { mac, xid, state, how, address, server, serverMac } = client;
  const type = state === 'selecting' ? DHCP.DISCOVER : DHCP.REQUEST;
  const payload = requestOf({
    ...{ type, mac, xid, server: NONE },
    ...(type === DHCP.DISCOVER
      ? {}
      : {
          selecting: { requested: address, server },
          initReboot: { requested: address },
          renew: { ciaddr: address },
          rebind: { ciaddr: address },
        }[how]),
  });
  const toServer = type === DHCP.REQUEST && how === 'renew';
  send(
    toServer
      ? frameOf(payload, mac, { mac: serverMac, source: address, destination: server })
      : frameOf(payload, mac, {
          source: type === DHCP.REQUEST && how === 'rebind' ? address : NONE,
        }),
  );
  client.saidAtMs = performance.now();
  client.tries++;
}

function send(frame: Uint8Array): void {
  port.send(frame, 0, frame.length);
}

// ---- what is heard ---------------------------------------------------------------------------

function heard(frame: Uint8Array): void {
  const udp = decodeUdp4(frame);
  if (!udp.ok || udp.value.destinationPort !== 68) return;
  const decoded = decodeDhcp4(udp.value.payload);
  if (!decoded.ok || decoded.value.op !== 2) return;
  const message = decoded.value;
  heardRaw?.(message, udp.value.payload);
  const client = byXid.get(message.xid);
  if (client === undefined || toHex(message.chaddr) !== toHex(client.mac)) return;
  const type = messageType(message);
  const server = ipv4(Number.parseInt(toHex(message.options.get(54) ?? new Uint8Array(1)), 16));
  if (type === DHCP.OFFER) offered(client, message, server, frame);
  else if (client.state === 'requesting' && type === DHCP.ACK)
    acked(client, message, server, frame);
  else if (client.state === 'requesting' && type === DHCP.NAK) refused(client);
}

function offered(client: Client, message: Dhcp4Message, server: Ipv4, frame: Uint8Array): void {
  if (!client.offered.has(server)) {
    client.offered.add(server);
    const name = formatIpv4(server);
    counted.offers[name] = (counted.offers[name] ?? 0) + 1;
    if (client.offered.size === 2) counted.doubleOffers++;
  }
  if (client.state !== 'selecting' || (wanted !== undefined && formatIpv4(server) !== wanted))
    return;
  client.state = 'requesting';
  client.how = 'selecting';
  client.address = message.yiaddr;
  client.server = server;
  client.serverMac = frame.slice(6, 12);
  client.tries = 0;
  say(client);
}

function acked(client: Client, message: Dhcp4Message, server: Ipv4, frame: Uint8Array): void {
  const address = message.yiaddr;
  const name = formatIpv4(server);
  counted.acks[name] = (counted.acks[name] ?? 0) + 1;
  counted.acked++;
  if (stopLoad !== undefined && counted.acked % PROGRESS === 0) {
    process.stdout.write(`acknowledged ${counted.acked}\n`);
  }
  if (address !== client.address) wrong(client, `got ${formatIpv4(address)}`);
  const other = owner.get(address);
  if (other !== undefined && other !== client) {
    wrong(client, `got ${formatIpv4(address)}, which ${formatMac(other.mac)} has`);
  }
  if (client.held !== NONE && client.held !== address) {
    counted.moved++;
    owner.delete(client.held);
  }
  client.held = address;
  client.server = server;
  client.serverMac = frame.slice(6, 12);
  owner.set(address, client);
  done(client, 'bound');
}

function refused(client: Client): void {
  counted.naks++;
  if (client.how === 'selecting' && client.patient) {
    begin(client, 'discover');
    return;
  }
  if (owner.get(client.held) === client) owner.delete(client.held);
  client.held = NONE;
  done(client, 'idle');
}

function wrong(client: Client, what: string): void {
  if (counted.wrong.length < 20) counted.wrong.push(`${formatMac(client.mac)} ${what}`);
}

function done(client: Client, state: Client['state']): void {
  client.state = state;
  awake.delete(client);
  finished(client);
}

// ---- orders ----------------------------------------------------------------------------------

/** Says again what was not answered; gives up after `tries`. */
function repeat(waitMs: number, tries: number): void {
  const nowMs = performance.now();
  for (const client of awake) {
    if (nowMs - client.saidAtMs < waitMs) continue;
    if (client.tries < tries) say(client);
    else {
      counted.silent++;
      done(client, client.held === NONE ? 'idle' : 'bound');
    }
  }
  port.flush();
}

type Ask = Extract<CrowdOrder, { do: 'acquire' | 'initReboot' | 'renew' | 'rebind' }>;

function askAll(order: Ask): Promise<void> {
  const { first, count, prefix = '0216', window = 64, tries = PATIENCE, waitMs = 500 } = order;
  const { promise, resolve } = Promise.withResolvers<void>();
  let next = first;
  wanted = order.server;
  const more = (): void => {
    while (awake.size < window && next < first + count) {
      const client = clientOf(prefix, next++);
      if (order.do !== 'acquire' && client.held === NONE) continue;
      awake.add(client);
      client.patient = true;
      begin(client, order.do === 'acquire' ? 'discover' : order.do);
    }
    if (awake.size === 0) resolve();
  };
  finished = more;
  const timer = setInterval(() => repeat(waitMs, tries), TURN_MS);
  more();
  port.flush();
  return promise.finally(() => clearInterval(timer));
}

function release(client: Client): void {
  if (client.held === NONE) return;
  const { mac, held, server, serverMac } = client;
  const payload = requestOf({ type: DHCP.RELEASE, mac, xid: xids++, ciaddr: held, server });
  send(frameOf(payload, mac, { mac: serverMac, source: held, destination: server }));
  owner.delete(held);
  client.held = NONE;
  client.state = 'idle';
  counted.released++;
}

let stopLoad: (() => void) | undefined;

function load(order: Extract<CrowdOrder, { do: 'load' }>): void {
  const next = random(order.seed);
  const bound: Client[] = [...clients.values()].filter(({ state }) => state === 'bound');
  let number = clients.size;
  const one = (): void => {
    const at = Math.floor(next() * bound.length);
    const turn = next();
    const client = bound[at];
    if (client === undefined || (turn < 0.5 && bound.length < order.most)) {
      start(clientOf('0216', number++), 'discover');
    } else if (turn < 0.9) {
      take(at);
      start(client, turn < 0.7 ? 'renew' : turn < 0.8 ? 'rebind' : 'initReboot');
    } else {
      take(at);
      release(client);
    }
  };
  const take = (at: number): void => {
    const last = bound.pop();
    if (last !== undefined && at < bound.length) bound[at] = last;
  };
  const start = (client: Client, how: Client['how'] | 'discover'): void => {
    awake.add(client);
    client.patient = true;
    begin(client, how);
  };
  finished = (client) => {
    if (client.state === 'bound') bound.push(client);
    else if (client.how !== 'selecting') wrong(client, `lost its lease by ${client.how}`);
    if (stopLoad !== undefined && awake.size < order.window) one();
  };
  const timer = setInterval(() => {
    repeat(100, Number.POSITIVE_INFINITY);
    while (awake.size < order.window) one();
    port.flush();
  }, TURN_MS);
  stopLoad = () => {
    clearInterval(timer);
    stopLoad = undefined;
    // Who waits for an ACK does not know whether it has the address: it asks from the start.
    for (const client of awake) client.state = client.held === NONE ? 'idle' : 'bound';
    awake.clear();
  };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function starve(order: Extract<CrowdOrder, { do: 'starve' }>): Promise<void> {
  finished = () => {};
  for (let i = 0; i < order.count; i++) {
    const client = clientOf(order.prefix ?? '0266', order.first + i);
    client.patient = false;
    begin(client, 'discover');
    if (i % BATCH === BATCH - 1) {
      port.flush();
      await turn();
    }
  }
  port.flush();
}

async function fuzz(order: Extract<CrowdOrder, { do: 'fuzz' }>): Promise<void> {
  const next = random(order.seed);
  const good = { do: 'rebind', first: order.good, count: 1 } as const;
  for (let i = 1; i <= order.count; i++) {
    send(mutate(next));
    if (i % BATCH === 0) {
      port.flush();
      await turn();
    }
    // What was said before is dealt with by the time that this is answered.
    if (i % (BATCH * 4) === 0 || i === order.count) await askAll(good);
  }
}

async function sayRaw(order: Extract<CrowdOrder, { do: 'say' }>): Promise<string | undefined> {
  const payload = fromHex(order.payload) ?? new Uint8Array(0);
  const xid = new DataView(payload.buffer).getUint32(4);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve(undefined), order.waitMs);
  heardRaw = (message, bytes) => {
    if (message.xid === xid) resolve(toHex(bytes));
  };
  const ciaddr = ipv4(new DataView(payload.buffer).getUint32(12));
  send(frameOf(payload, macBytes(order.mac as Mac), { source: ciaddr }));
  port.flush();
  const answer = await promise;
  clearTimeout(timer);
  heardRaw = undefined;
  return answer;
}

async function obey(order: CrowdOrder): Promise<string | undefined> {
  switch (order.do) {
    case 'release':
      for (let i = 0; i < order.count; i++) {
        release(clientOf(order.prefix ?? '0216', order.first + i));
        if (i % BATCH === 0) await turn();
      }
      port.flush();
      return undefined;
    case 'load':
      load(order);
      return undefined;
    case 'stop':
      stopLoad?.();
      return undefined;
    case 'starve':
      await starve(order);
      return undefined;
    case 'fuzz':
      await fuzz(order);
      return undefined;
    case 'say':
      return sayRaw(order);
    default:
      await askAll(order);
      return undefined;
  }
}

let last: Promise<void> = Promise.resolve();
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, ...order } = JSON.parse(line) as CrowdOrder & { id: number };
  last = last.then(async () => {
    const startMs = performance.now();
    // What comes of a load is told when it is stopped.
    if (order.do !== 'stop') counted = fresh();
    const answer = await obey(order);
    const outcome: CrowdOutcome = {
      ...counted,
      bound: owner.size,
      clients: clients.size,
      ms: Math.round(performance.now() - startMs),
      ...(answer === undefined ? {} : { answer }),
    };
    process.stdout.write(`${JSON.stringify({ id, ...outcome })}\n`);
  });
});
process.stdout.write('ready\n');
