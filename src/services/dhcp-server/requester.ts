/** Who asks, as its message says: identity and texts, checked. One object serves all messages. */
import { type Mac, macOf } from '../../base/ip.ts';
import { DHCP } from '../../wire/dhcp4.ts';
import type { Dhcp4View } from '../../wire/dhcp4-view.ts';
import { hardwareKey, identifierKey } from './lease.ts';

const [HOST_NAME, VENDOR_CLASS, CLIENT_ID, CLIENT_FQDN] = [12, 60, 61, 81];
const ETHERNET = 1;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
export const PRINTABLE = /^[\x20-\x7e]{1,255}$/;

export class Requester {
  readonly view: Dhcp4View;
  /** `clientKey` of the lease table. */
  key = '';
  /** FNV-1a of the key's bytes. */
  hash = 0;
  /** The first six bytes of chaddr; 0 where it has fewer. */
  mac = 0;

  constructor(view: Dhcp4View) {
    this.view = view;
  }

  /** Takes up the message in `view`. Gives why it is nobody's, or undefined. */
  read(): string | undefined {
    const { view } = this;
    const { bytes, at, hlen, htype } = view;
    this.mac = hlen >= 6 ? view.chaddrNumber() : 0;
    if (htype === ETHERNET && hlen !== 6) return 'an Ethernet address has 6 bytes';
    if (htype === ETHERNET && this.mac === 0) return 'hardware address of zeros';
    if (htype === ETHERNET && ((bytes[at + 28] ?? 0) & 1) !== 0)
      return 'hardware address of a group';
    const idBytes = view.lengthOf(CLIENT_ID);
    if (idBytes > 255) return 'client identifier over 255 bytes';
    // RFC 2132 §9.14 demands two bytes at least; less than that tells nobody from another.
    if (idBytes >= 2) {
      const from = view.valueAt(CLIENT_ID);
      this.key = identifierKey(bytes, from, from + idBytes);
      this.hash = fnv1a(bytes, from, from + idBytes);
    } else {
      if (hlen === 0) return 'neither hardware address nor client identifier';
      this.key = hardwareKey(htype, bytes, at + 28, at + 28 + hlen);
      this.hash = fnv1a(bytes, at + 28, at + 28 + hlen);
    }
    return undefined;
  }

  /** Option 61 as sent, if it is what the client is known by. */
  clientId(): Uint8Array | undefined {
    return this.view.lengthOf(CLIENT_ID) >= 2 ? this.view.copyOf(CLIENT_ID) : undefined;
  }

  macText(): Mac {
    return macOf(this.mac);
  }

  /** The device made its MAC up: the bit of local administration is set (IEEE 802 §8.2). */
  get randomised(): boolean {
    return ((this.view.bytes[this.view.at + 28] ?? 0) & 2) !== 0;
  }

  /** The first label of option 12, else of option 81 (RFC 4702), in lower case; undefined if it is no name of a host. */
  hostName(): string | undefined {
    const { view } = this;
    return hostLabel(view.textOf(HOST_NAME)) ?? hostLabel(fqdn(view));
  }

  /** Option 60 if it is printable ASCII. */
  vendorClass(): string | undefined {
    const text = this.view.textOf(VENDOR_CLASS);
    return text !== undefined && PRINTABLE.test(text) ? text : undefined;
  }

  /** On the client's own segment what it says of its lease comes from its own interface. */
  get forged(): boolean {
    const { view } = this;
    return (
      (view.type === DHCP.RELEASE || view.type === DHCP.DECLINE) &&
      view.giaddr === 0 &&
      view.htype === ETHERNET &&
      view.sourceMacNumber() !== this.mac
    );
  }
}

export function hostLabel(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const dot = text.indexOf('.');
  const label = (dot < 0 ? text : text.slice(0, dot)).toLowerCase();
  return LABEL.test(label) ? label : undefined;
}

/** Option 81: flags and two old result codes, then text, or labels where flag E says so. */
function fqdn(view: Dhcp4View): string | undefined {
  const text = view.textOf(CLIENT_FQDN);
  if (text === undefined || text.length < 4) return undefined;
  if ((text.charCodeAt(0) & 4) === 0) return text.slice(3);
  return text.slice(4, 4 + text.charCodeAt(3));
}

export function fnv1a(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return hash >>> 0;
}
