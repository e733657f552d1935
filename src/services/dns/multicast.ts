/** Names of `local.` by multicast DNS (RFC 6762), for clients that only know how to ask us. */

import type { DnsTransports } from '../../os/ports-dns-transport.ts';
import { type DnsRecord, decodeMessage, encodeMessage, queryOf } from '../../wire/dns.ts';
import { type DnsName, lowerName } from '../../wire/dns-name.ts';
import { CLASS_IN, RCODE, TYPE } from '../../wire/dns-registry.ts';
import { localSoa, record } from './query.ts';
import type { Resolved } from './resolve.ts';
import { MDNS_ZONE } from './special.ts';

/** Whoever is there answers within so long (RFC 6762 §6: 120 ms for shared records). */
const WAIT_MS = 600;
const MAX_TTL_SEC = 120;
const NOBODY_SEC = 10;
const MAX_RECORDS = 100;
const CACHE_FLUSH = 0x8000;

export async function askMulticast(
  transports: Pick<DnsTransports, 'multicast'>,
  ifNames: readonly string[],
  id: number,
  name: DnsName,
  type: number,
  signal: AbortSignal,
): Promise<Resolved> {
  const query = encodeMessage(queryOf(id, { name, type, class: CLASS_IN }, undefined));
  const said = await Promise.all(
    ifNames.map((ifName) => transports.multicast(ifName, query, WAIT_MS, signal)),
  );
  const answers: DnsRecord[] = [];
  for (const bytes of said.flat()) {
    const message = decodeMessage(bytes);
    if (!message.ok || !message.value.response || message.value.id !== id) continue;
    for (const rr of message.value.answers) {
      const fits = rr.type === type && (rr.class & ~CACHE_FLUSH) === CLASS_IN;
      if (!fits || lowerName(rr.name) !== name || answers.length >= MAX_RECORDS) continue;
      if (answers.some(({ rdata }) => isSame(rdata, rr.rdata))) continue;
      answers.push(record(name, type, Math.min(rr.ttl, MAX_TTL_SEC), rr.rdata));
    }
  }
  const asked = { upstream: undefined, tookMs: WAIT_MS, unreachable: false };
  if (answers.length > 0) {
    const keepSec = Math.min(...answers.map(({ ttl }) => ttl));
    return { ...asked, parts: { rcode: RCODE.NOERROR, answers }, keepSec };
  }
  // Whether the name or just the type is unknown nobody says; without a name no other type is asked for.
  const rcode = type === TYPE.A || type === TYPE.AAAA ? RCODE.NOERROR : RCODE.NXDOMAIN;
  const authorities = [localSoa(MDNS_ZONE, NOBODY_SEC)];
  return { ...asked, parts: { rcode, authorities }, keepSec: NOBODY_SEC };
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
