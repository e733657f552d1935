/** A client's message as the machine reads it: decoded once, checked, without what no server looks at. */
import { formatMac, type Mac } from '../../base/ip.ts';
import type { Ipv6, Ipv6Prefix, PrefixLen6 } from '../../base/ip6.ts';
import { decodeError, ok, type Result } from '../../base/result.ts';
import type { Dhcp6Option, Dhcp6Packet } from '../../wire/dhcp6.ts';
import { CODEC6, checkOption6, OPTION6, option6, option6Row } from '../../wire/dhcp6-options.ts';

/** One IA_NA or IA_PD with what the client has or wishes. */
export interface RequestedIa {
  readonly kind: 'address' | 'prefix';
  readonly iaid: number;
  /** Addresses as prefixes of 128 bits. A prefix of `::` with a length wishes for that length. */
  readonly hints: readonly Ipv6Prefix[];
}

export interface ClientRequest {
  readonly type: number;
  readonly transactionId: number;
  readonly clientId: Uint8Array | undefined;
  readonly serverId: Uint8Array | undefined;
  readonly ias: readonly RequestedIa[];
  /** IAIDs of IA_TA, which are refused. */
  readonly temporary: readonly number[];
  readonly wanted: ReadonlySet<number>;
  readonly rapidCommit: boolean;
  readonly vendorClasses: readonly Uint8Array[];
  readonly userClasses: readonly Uint8Array[];
  /** Lower case, first label alone; undefined for none or a hostile one. */
  readonly hostName: string | undefined;
  /** All that may be the client's MAC: of the relay's option 79 or the frame, and of its DUID. */
  readonly macs: readonly Mac[];
  /** The client's own address: of the packet, or as the innermost relay says. */
  readonly source: Ipv6;
  readonly relayed: boolean;
  /** It was sent to a multicast address. */
  readonly multicast: boolean;
}

const ETHERNET = 1;
const DUID_LLT = 1;
const DUID_LL = 3;
/** IAs in one message; who asks for more is no client. */
const MAX_IAS = 16;

/** `sender` is what the frame said. */
export function readRequest(
  { relays, message }: Dhcp6Packet,
  sender: { readonly mac: Mac; readonly source: Ipv6; readonly multicast: boolean },
): Result<ClientRequest> {
  const { options } = message;
  const seen = new Set<number>();
  for (const option of options) {
    const row = option6Row(option.code);
    if (!row.many && seen.has(option.code)) {
      return decodeError('more than one', row.name, 0);
    }
    seen.add(option.code);
    const value = checkOption6(option);
    // An FQDN that is no name spoils nothing else; nor do the classes.
    if (!value.ok && REQUIRED.has(option.code)) return value;
  }
  const ias = readIas(options);
  if (!ias.ok) return ias;
  const clientId = option6(options, OPTION6.CLIENTID, 'duid');
  const innermost = relays.at(-1);
  return ok({
    ...{ type: message.type, transactionId: message.transactionId, ias: ias.value },
    clientId: clientId?.slice(),
    serverId: option6(options, OPTION6.SERVERID, 'duid'),
    temporary: options
      .filter(({ code, value }) => code === OPTION6.IA_TA && value.length >= 4)
      .map(({ value }) => new DataView(value.buffer, value.byteOffset).getUint32(0)),
    wanted: new Set(option6(options, OPTION6.ORO, 'codes') ?? []),
    rapidCommit: seen.has(OPTION6.RAPID_COMMIT),
    vendorClasses: options
      .filter(({ code }) => code === OPTION6.VENDOR_CLASS)
      .flatMap(({ value }) => {
        const read = CODEC6.vendorClass.decode(value);
        return read.ok ? read.value.data : [];
      }),
    userClasses: option6(options, OPTION6.USER_CLASS, 'classes') ?? [],
    hostName: hostNameOf(options),
    macs: macsOf(clientId, relays.at(-1)?.options, sender.mac),
    source: innermost?.peerAddress ?? sender.source,
    relayed: innermost !== undefined,
    multicast: sender.multicast,
  });
}

/** What the machine could not do without understanding. */
const REQUIRED: ReadonlySet<number> = new Set([
  OPTION6.CLIENTID,
  OPTION6.SERVERID,
  OPTION6.IA_NA,
  OPTION6.IA_PD,
  OPTION6.ORO,
  OPTION6.RAPID_COMMIT,
]);

function readIas(options: readonly Dhcp6Option[]): Result<readonly RequestedIa[]> {
  const ias: RequestedIa[] = [];
  for (const { code, value } of options) {
    if (code !== OPTION6.IA_NA && code !== OPTION6.IA_PD) continue;
    const kind = code === OPTION6.IA_NA ? 'address' : 'prefix';
    const ia = CODEC6.ia.decode(value);
    if (!ia.ok) return ia;
    if (ias.length === MAX_IAS) return decodeError('too many IAs', 'IA', 0);
    if (ias.some((other) => other.kind === kind && other.iaid === ia.value.iaid)) {
      return decodeError('an IA twice', 'IA', 0);
    }
    const hints: Ipv6Prefix[] = [];
    for (const option of ia.value.options) {
      const hint = kind === 'address' ? addressHint(option) : prefixHint(option);
      if (hint !== undefined) hints.push(hint);
    }
    ias.push({ kind, iaid: ia.value.iaid, hints: hints.slice(0, MAX_IAS) });
  }
  return ok(ias);
}

function addressHint({ code, value }: Dhcp6Option): Ipv6Prefix | undefined {
  if (code !== OPTION6.IAADDR) return undefined;
  const read = CODEC6.iaAddress.decode(value);
  return read.ok ? { address: read.value.address, prefixLen: 128 as PrefixLen6 } : undefined;
}

function prefixHint({ code, value }: Dhcp6Option): Ipv6Prefix | undefined {
  if (code !== OPTION6.IAPREFIX) return undefined;
  const read = CODEC6.iaPrefix.decode(value);
  return read.ok ? { address: read.value.address, prefixLen: read.value.prefixLen } : undefined;
}

function macsOf(
  duid: Uint8Array | undefined,
  relay: readonly Dhcp6Option[] | undefined,
  sender: Mac,
): readonly Mac[] {
  const macs: Mac[] = [];
  const told = option6(relay ?? [], OPTION6.CLIENT_LINKLAYER_ADDR, 'linkLayer');
  if (relay === undefined) macs.push(sender);
  else if (told?.hardwareType === ETHERNET && told.address.length === 6) {
    macs.push(formatMac(told.address));
  }
  if (duid !== undefined && duid.length >= 10) {
    const view = new DataView(duid.buffer, duid.byteOffset, duid.byteLength);
    const [type, hardware] = [view.getUint16(0), view.getUint16(2)];
    const own = type === DUID_LLT ? duid.subarray(8) : type === DUID_LL ? duid.subarray(4) : [];
    if (hardware === ETHERNET && own instanceof Uint8Array && own.length === 6) {
      macs.push(formatMac(own));
    }
  }
  return macs;
}

function hostNameOf(options: readonly Dhcp6Option[]): string | undefined {
  const fqdn = option6(options, OPTION6.CLIENT_FQDN, 'fqdn');
  const label = fqdn?.name.text.split('.')[0]?.toLowerCase();
  return label === undefined || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label) ? undefined : label;
}
