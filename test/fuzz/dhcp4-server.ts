import { readFileSync } from 'node:fs';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { BugError } from '../../src/base/errors.ts';
import { ipv4, type Mac, type PrefixLen } from '../../src/base/ip.ts';
import { AnswerCounts, TokenBucket } from '../../src/base/limits.ts';
import { Bindings } from '../../src/services/dhcp-server/bindings.ts';
import { newCounts } from '../../src/services/dhcp-server/counts.ts';
import { LeaseTable } from '../../src/services/dhcp-server/lease.ts';
import { Machine } from '../../src/services/dhcp-server/machine.ts';
import { Observer } from '../../src/services/dhcp-server/observe.ts';
import { Policy } from '../../src/services/dhcp-server/policy.ts';
import { Requester } from '../../src/services/dhcp-server/requester.ts';
import { Segment } from '../../src/services/dhcp-server/segment.ts';
import { decodeArp, encodeArp } from '../../src/wire/arp.ts';
import { decodeDhcp4 } from '../../src/wire/dhcp4.ts';
import { Dhcp4View } from '../../src/wire/dhcp4-view.ts';
import { decodeUdp4 } from '../../src/wire/udp4.ts';

const golden = JSON.parse(
  readFileSync(new URL('../golden/dhcp4.json', import.meta.url), 'utf8'),
) as { readonly frames: Readonly<Record<string, string>> };

const must = (holds: boolean, what: string): void => {
  if (!holds) throw new BugError(what);
};

const OWN = ipv4(0xc6336401);
const HOST_NAME = /^[a-z0-9-]{1,63}$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** A server that lives through all inputs, so that each meets what the ones before left. */
class Server {
  readonly leases = new LeaseTable();
  readonly machine: Machine;
  readonly observer = new Observer();
  readonly who = new Requester(new Dhcp4View());
  readonly segment: Segment;
  nowMs = 1000;

  constructor() {
    let ticket = 0;
    const log = { append: () => ++ticket, forget: () => ++ticket };
    const bindings = new Bindings(this.leases, log);
    this.segment = segment();
    bindings.use([this.segment], 0);
    this.machine = new Machine(
      {
        bindings,
        counts: newCounts(),
        storeFaulty: () => false,
        probe: () => false,
        ask: (who) => void who.hostName(),
        refused: (_what, _ingress, who) => void who.macText(),
      },
      { policy: rules(), answers: new AnswerCounts(100), headroomPercent: 10 },
    );
  }

  hear(): void {
    const { view } = this.who;
    this.nowMs += 100;
    if (view.op === 2) this.observer.reply(this.segment, view, this.nowMs, this.nowMs);
    if (this.who.read() !== undefined) return;
    this.observer.request(this.segment, this.who, this.nowMs);
    const ingress = {
      segment: this.segment,
      mac: new Uint8Array(6),
      newClients: new TokenBucket(0),
    };
    const answer = this.machine.handle(ingress, this.who, this.nowMs, this.nowMs);
    if (answer !== 'none') this.check();
  }

  check(): void {
    const { reply, end } = this.machine;
    must(end <= 14 + 1500, 'longer than a frame may be');
    const udp = decodeUdp4(reply.bytes.subarray(0, end));
    must(udp.ok && udp.value.source === OWN, 'not from the server');
    if (!udp.ok) return;
    const message = decodeDhcp4(udp.value.payload);
    // Other hardware than Ethernet is the decoder's limit, not the server's.
    if (!message.ok) {
      must(message.error.field === 'hlen', message.error.message);
      return;
    }
    const { value } = message;
    must(value.op === 2 && value.xid === this.who.view.xid, 'answers something else');
    for (const lease of this.leases) {
      must(lease.hostName === undefined || HOST_NAME.test(lease.hostName), 'a hostile name');
      must(PRINTABLE.test(lease.vendorClass ?? ''), 'a hostile vendor class');
      must(lease.chaddr.length <= 16 && lease.address !== OWN, 'no lease');
    }
    must(this.leases.size <= 102, `${this.leases.size} leases`);
  }
}

const rules = (): Policy =>
  new Policy([
    {
      id: 'r',
      action: 'deny',
      chaddr: undefined,
      vendorClass: { value: 'evil', mode: 'Substring' },
      hostName: undefined,
      randomised: undefined,
      segment: undefined,
      untilMs: Infinity,
    },
  ]);

function segment(): Segment {
  const config = {
    id: 's',
    ifName: 'br-lan',
    ports: [],
    addresses: [{ address: OWN, prefixLen: 24 as PrefixLen }],
    mode: 'open',
    authoritative: true,
    relayTo: undefined,
    probe: false,
  } as const;
  const some = { enable: true, segment: 's', fault: undefined, allowed: 'All' } as const;
  const none = {
    vendorClass: undefined,
    clientId: undefined,
    userClass: undefined,
    chaddr: undefined,
  };
  const gives = {
    prefixLen: 24 as PrefixLen,
    reserved: [],
    leaseSec: 60,
    routers: [],
    dnsServers: [OWN],
    domain: 'lan',
    winsServers: [],
    dscp: 0,
  };
  const options = [
    { code: 43, value: new Uint8Array(300), force: true, vendorClassPrefix: 'udhcp' },
    { code: 108, value: Uint8Array.of(0, 0, 1, 0), force: false, vendorClassPrefix: '' },
    { code: 67, value: new Uint8Array(200).fill(65), force: true, vendorClassPrefix: 'PXE' },
  ];
  const row = { id: 'x', enable: true, clientId: undefined, hostName: 'fixed' };
  const statics = [{ ...row, chaddr: '02:00:00:00:00:01' as Mac, address: ipv4(0xc6336405) }];
  const [min, max] = [ipv4(0xc6336464), ipv4(0xc63364c7)];
  return new Segment(config, [{ ...some, ...none, ...gives, id: 'p', min, max, options, statics }]);
}

const server = new Server();

/** Whatever a client, a relay or another server says: nothing throws, answers are whole, names are clean. */
export const target = {
  name: 'dhcp4-server',
  run(bytes: Uint8Array): void {
    const { view } = server.who;
    if (view.read(bytes, 0, bytes.length)) {
      const udp = decodeUdp4(bytes);
      must(udp.ok, 'read what is no datagram');
      const message = udp.ok ? decodeDhcp4(udp.value.payload) : udp;
      if (message.ok) {
        for (const [code, value] of message.value.options) {
          must(toHex(view.copyOf(code) ?? new Uint8Array(0)) === toHex(value), `option ${code}`);
        }
      }
      server.hear();
    } else must(view.field !== '' && view.offset <= bytes.length + 16, 'refused without a reason');
    const arp = decodeArp(bytes);
    if (arp.ok) must(decodeArp(encodeArp(arp.value)).ok, 'ARP does not come back');
  },
  seeds: (): Uint8Array[] => {
    const frames = Object.values(golden.frames).map((hex) => fromHex(hex) ?? new Uint8Array(0));
    const [request = new Uint8Array(0)] = frames;
    const typed = [4, 7, 8, 10].map((type) => {
      const frame = request.slice();
      frame[284] = type;
      return frame;
    });
    const arp = encodeArp({
      op: 2,
      senderMac: new Uint8Array(6),
      senderIp: OWN,
      targetMac: new Uint8Array(6),
      targetIp: OWN,
    });
    return [...frames, ...typed, arp];
  },
};
