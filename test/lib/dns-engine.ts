import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { ipv4 } from '#src/base/ip.ts';
import type { IpAddress } from '#src/base/ip6.ts';
import { NativeDnsEngines } from '#src/os/linux/dns-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type {
  DnsCacheKey,
  DnsEngine,
  EngineGroup,
  EngineHandlers,
  EnginePolicy,
} from '#src/os/ports-dns.ts';
import {
  type DnsMessage,
  type DnsRecord,
  type Edns,
  encodeMessage,
  queryOf,
} from '#src/wire/dns.ts';
import { type DnsName, encodeName, parseName } from '#src/wire/dns-name.ts';
import { CLASS_IN, RCODE } from '#src/wire/dns-registry.ts';

export const CLIENT: IpAddress = ipv4(0xc0a80102);

const EVERYBODY: EnginePolicy['access'] = [{ address: ipv4(0), prefixLen: 0 }];

export const GROUP: EngineGroup = {
  listMask: ~0n & 0xffff_ffff_ffff_ffffn,
  blockMode: 'zero',
  blockTtlSec: 60,
  slow: false,
  hasPatterns: false,
  hasAllowPatterns: false,
};

export const POLICY: EnginePolicy = {
  generation: 1,
  groups: [GROUP],
  clients: [],
  defaultGroup: 0,
  access: EVERYBODY,
  limits: { queriesPerSec: 0, missesPerSec: 0, sameAnswersPerSec: 0 },
};

const SILENT: EngineHandlers = { queries: () => {}, log: () => {} };

/** An engine with a policy for everybody, which ends with the test. */
export function engineFor(
  t: Test,
  options: { cacheBytes?: number; queueLength?: number; handlers?: Partial<EngineHandlers> } = {},
): DnsEngine {
  const opened = new NativeDnsEngines(loadNative()).open(
    { cacheBytes: options.cacheBytes ?? 1 << 20, queueLength: options.queueLength ?? 256 },
    { ...SILENT, ...options.handlers },
  );
  if (!opened.ok) throw opened.error;
  t.teardown(() => opened.value[Symbol.asyncDispose]());
  opened.value.setPolicy(POLICY);
  return opened.value;
}

export function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'gh-dns-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

function name(text: string): DnsName {
  const parsed = parseName(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error.message}`);
  return parsed.value;
}

export const wireName = (text: string): Uint8Array => encodeName(name(text));

export const keyOf = (
  text: string,
  type: number,
  rest: Partial<DnsCacheKey> = {},
): DnsCacheKey => ({
  name: wireName(text.toLowerCase()),
  type,
  dnssecOk: false,
  checkingDisabled: false,
  ...rest,
});

export const EDNS: Edns = { udpSize: 1232, version: 0, dnssecOk: false, options: [] };

export const query = (
  text: string,
  type: number,
  options: { id?: number; edns?: Edns; checkingDisabled?: boolean; authenticData?: boolean } = {},
): Uint8Array =>
  encodeMessage(
    queryOf(
      options.id ?? 0x1234,
      { name: name(text), type, class: CLASS_IN },
      options.edns,
      options,
    ),
  );

export const record = (text: string, type: number, ttl: number, rdata: number[]): DnsRecord => ({
  name: name(text),
  type,
  class: CLASS_IN,
  ttl,
  rdata: Uint8Array.from(rdata),
});

/** A response as the cache holds it. */
export const response = (text: string, type: number, parts: Partial<DnsMessage> = {}): Uint8Array =>
  encodeMessage({
    ...queryOf(0, { name: name(text.toLowerCase()), type, class: CLASS_IN }, undefined),
    ...{ response: true, recursionAvailable: true, rcode: RCODE.NOERROR },
    ...parts,
  });
