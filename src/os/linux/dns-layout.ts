/** Layouts of what goes to and from the native DNS engine, those of native/dns; machine's order, little-endian. */
import { BugError } from '../../base/errors.ts';
import { ipv4 } from '../../base/ip.ts';
import { getIpv6, type IpAddress, putIpv6 } from '../../base/ip6.ts';
import type {
  BlockFile,
  BlockList,
  BlockMode,
  BlockRules,
  DnsPrefix,
  EngineLocal,
  EngineLogEntry,
  EnginePolicy,
  EngineQuery,
  EngineStats,
  MissReason,
} from '../ports-dns.ts';

const LE = true;
const MAPPED = 0xffff;

/** IPv4 as mapped into IPv6 (RFC 4291 §2.5.5.2), in network order. */
export function putAddress(view: DataView, at: number, address: IpAddress): void {
  if (typeof address === 'bigint') {
    putIpv6(view, at, address);
    return;
  }
  view.setBigUint64(at, 0n);
  view.setUint32(at + 8, MAPPED);
  view.setUint32(at + 12, address);
}

function getAddress(view: DataView, at: number): IpAddress {
  const mapped = view.getUint32(at + 8) === MAPPED && view.getBigUint64(at) === 0n;
  return mapped ? ipv4(view.getUint32(at + 12)) : getIpv6(view, at);
}

export function addressBytes(address: IpAddress): Uint8Array {
  const bytes = new Uint8Array(16);
  putAddress(new DataView(bytes.buffer), 0, address);
  return bytes;
}

export const REASONS: readonly MissReason[] = [
  'unknown',
  'unjudged',
  'stale',
  'prefetch',
  'complex',
  'local',
  'unusual',
];
export const BY: readonly EngineLogEntry['by'][] = ['cache', 'block', 'local'];
const MODES: readonly BlockMode[] = ['zero', 'nxdomain', 'refused'];

/** An entry of a table that the other side has, too. */
export function entryOf<T>(table: readonly T[], index: number): T {
  const entry = table[index];
  if (entry === undefined) throw new BugError(`the engine says ${index} of ${table.length}`);
  return entry;
}

const QUERY_HEADER = 40;

/** Queries out of the input buffer; their bytes are copies. */
export function readQueries(input: DataView, count: number): EngineQuery[] {
  const queries: EngineQuery[] = [];
  const { buffer } = input;
  for (let i = 0, at = 0; i < count; i++) {
    const start = at + QUERY_HEADER;
    queries.push({
      peer: {
        client: getAddress(input, at + 16),
        port: input.getUint32(at + 4, LE),
        scopeId: input.getUint32(at + 8, LE),
        listener: input.getUint32(at + 12, LE),
      },
      group: input.getUint8(at + 3),
      reason: entryOf(REASONS, input.getUint8(at + 2)),
      wire: new Uint8Array(buffer.slice(start, start + input.getUint32(at + 32, LE))),
    });
    at += input.getUint16(at, LE);
  }
  return queries;
}

const NO_LIST = 0xff;
const LOG_HEADER = 33;

export function readLog(input: DataView, count: number): EngineLogEntry[] {
  const entries: EngineLogEntry[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const list = input.getUint8(at + 7);
    const start = at + LOG_HEADER;
    entries.push({
      timeMs: input.getFloat64(at + 8, LE),
      client: getAddress(input, at + 16),
      group: input.getUint8(at + 6),
      by: entryOf(BY, input.getUint8(at + 5)),
      type: input.getUint16(at + 2, LE),
      rcode: input.getUint8(at + 4),
      list: list === NO_LIST ? undefined : list,
      name: new Uint8Array(input.buffer.slice(start, start + input.getUint8(at + 32))),
    });
    at += input.getUint16(at, LE);
  }
  return entries;
}

const FIXED_BYTES = 32;
const GROUP_BYTES = 16;
const PREFIX_BYTES = 24;

export function encodePolicy(policy: EnginePolicy): Uint8Array {
  const { groups, clients, access, limits } = policy;
  const head = FIXED_BYTES + GROUP_BYTES * groups.length;
  const bytes = new Uint8Array(head + PREFIX_BYTES * (clients.length + access.length));
  const view = new DataView(bytes.buffer);
  const fixed = [
    policy.generation,
    groups.length,
    clients.length,
    access.length,
    policy.defaultGroup,
    limits.queriesPerSec,
    limits.missesPerSec,
    limits.sameAnswersPerSec,
  ];
  fixed.forEach((value, i) => {
    view.setUint32(4 * i, value, LE);
  });
  groups.forEach((group, i) => {
    const at = FIXED_BYTES + GROUP_BYTES * i;
    view.setBigUint64(at, group.listMask, LE);
    view.setUint32(at + 8, group.blockTtlSec, LE);
    view.setUint8(at + 12, MODES.indexOf(group.blockMode));
    view.setUint8(
      at + 13,
      (group.slow ? 1 : 0) + (group.hasPatterns ? 2 : 0) + (group.hasAllowPatterns ? 4 : 0),
    );
  });
  let at = head;
  const prefix = ({ address, prefixLen }: DnsPrefix, value: number): void => {
    putAddress(view, at, address);
    view.setUint8(at + 16, prefixLen + (typeof address === 'bigint' ? 0 : 96));
    view.setUint8(at + 17, value);
    at += PREFIX_BYTES;
  };
  for (const client of clients) prefix(client, client.group);
  for (const allowed of access) prefix(allowed, 1);
  return bytes;
}

const MAX_LOCAL_BYTES = 16 * 1024 * 1024;

/** Undefined when it is too much. */
export function encodeLocal(entries: readonly EngineLocal[]): Uint8Array | undefined {
  const size = entries.reduce((sum, { wire }) => sum + 4 + wire.length, 0);
  if (size > MAX_LOCAL_BYTES || entries.some(({ wire }) => wire.length > 0xffff)) return undefined;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { type, wire } of entries) {
    view.setUint16(at, type, LE);
    view.setUint16(at + 2, wire.length, LE);
    bytes.set(wire, at + 4);
    at += 4 + wire.length;
  }
  return bytes;
}

const RULE_FIELDS = [
  'blockExact',
  'blockBelow',
  'allowExact',
  'allowBelow',
  'importantBlockExact',
  'importantBlockBelow',
  'importantAllowExact',
  'importantAllowBelow',
  'complexExact',
  'complexBelow',
] as const satisfies readonly (keyof BlockRules)[];

export function readRules(view: DataView, count: number): BlockRules[] {
  return Array.from({ length: count }, (_, i) => {
    const at = 88 * i;
    const masks = RULE_FIELDS.map(
      (field, k) => [field, view.getBigUint64(at + 8 + 8 * k, LE)] as const,
    );
    const rules: Record<(typeof RULE_FIELDS)[number], bigint> = Object.assign(
      {},
      ...masks.map(([field, mask]) => ({ [field]: mask })),
    );
    return { at: view.getUint32(at, LE), ...rules };
  });
}

const LIST_BYTES = 128;
const LIST_NAME_BYTES = 91;

export function encodeLists(lists: readonly BlockList[]): Uint8Array {
  const bytes = new Uint8Array(LIST_BYTES * lists.length);
  const view = new DataView(bytes.buffer);
  lists.forEach((list, i) => {
    const at = LIST_BYTES * i;
    bytes.set(list.sha256.subarray(0, 32), at);
    view.setUint32(at + 32, list.id, LE);
    // A character that does not fit whole is left out.
    const { written } = new TextEncoder().encodeInto(
      list.name,
      bytes.subarray(at + 37, at + 37 + LIST_NAME_BYTES),
    );
    view.setUint8(at + 36, written);
  });
  return bytes;
}

const FILE_HEADER = 64;

/** Header, lists and note of a compiled file. */
export function readBlockFile(buffer: ArrayBuffer): BlockFile {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  const count = view.getUint32(12, LE);
  const end = FILE_HEADER + LIST_BYTES * count;
  const text = (from: number, length: number): string =>
    new TextDecoder().decode(bytes.subarray(from, from + length));
  return {
    lists: Array.from({ length: count }, (_, i) => {
      const at = FILE_HEADER + LIST_BYTES * i;
      return {
        id: view.getUint32(at + 32, LE),
        name: text(at + 37, view.getUint8(at + 36)),
        sha256: bytes.slice(at, at + 32),
      };
    }),
    key: bytes.slice(16, 32),
    names: view.getUint32(32, LE),
    sizeBytes: Number(view.getBigUint64(48, LE)),
    note: text(end, view.getUint32(44, LE)),
  };
}

const STATS = [
  'received',
  'answeredCache',
  'answeredBlock',
  'answeredLocal',
  'toJs',
  'droppedAccess',
  'droppedMalformed',
  'droppedClientRate',
  'droppedMissRate',
  'droppedSameAnswer',
  'droppedQueue',
  'droppedSend',
  'droppedKernel',
  'truncated',
  'prefetches',
  'sentFromJs',
  'logDropped',
  'cacheEntries',
  'cacheBytes',
  'cacheInserted',
  'cacheEvicted',
] as const satisfies readonly (keyof EngineStats)[];

export function readStats(view: DataView): EngineStats {
  const stats: Record<(typeof STATS)[number], number> = Object.assign(
    {},
    ...STATS.map((name, i) => ({ [name]: view.getFloat64(8 * i, LE) })),
  );
  return stats;
}
