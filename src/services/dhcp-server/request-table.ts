/**
 * What a REQUEST is answered with (RFC 2131 §4.3.2 and table 4): by what the client wants and by
 * what the server knows of the client and the address.
 */
import type { Dhcp4View } from '../../wire/dhcp4-view.ts';

const [REQUESTED_ADDRESS, SERVER_ID] = [50, 54];

/** RENEWING is sent to the server alone, REBINDING to all. */
export type Intent = 'selecting' | 'initReboot' | 'renewing' | 'rebinding';

export type Standing =
  /** It has, or was offered, this address, and may have it. */
  | 'own'
  /** It is known, but not with this address, or may not have it any more. */
  | 'other'
  /** Nothing is known of it. */
  | 'none'
  /** Nothing is known of it, and there is no such address where it is. */
  | 'wrongNet';

export type Action =
  | 'ack'
  /** ACK if the address is free, else NAK: offers are not kept over a restart, or for long. */
  | 'claim'
  | 'nak'
  /** NAK from a server that knows all leases of its segment, else silence. */
  | 'nakIfAuthoritative';

/** Undefined for a REQUEST that no state of a client sends. */
export function intentOf(view: Dhcp4View): Intent | undefined {
  if (view.has(SERVER_ID)) {
    return view.has(REQUESTED_ADDRESS) && view.ciaddr === 0 ? 'selecting' : undefined;
  }
  if (view.ciaddr === 0) return view.has(REQUESTED_ADDRESS) ? 'initReboot' : undefined;
  // Some clients name their address twice when they renew; that harms nobody.
  return view.destinationIp === 0xffffffff ? 'rebinding' : 'renewing';
}

// biome-ignore format: a table
export const ACTIONS: Readonly<Record<Intent, Readonly<Record<Standing, Action>>>> = {
  selecting:  { own: 'ack', other: 'claim', none: 'claim',              wrongNet: 'nak' },
  initReboot: { own: 'ack', other: 'nak',   none: 'nakIfAuthoritative', wrongNet: 'nakIfAuthoritative' },
  renewing:   { own: 'ack', other: 'nak',   none: 'nakIfAuthoritative', wrongNet: 'nakIfAuthoritative' },
  rebinding:  { own: 'ack', other: 'nak',   none: 'nakIfAuthoritative', wrongNet: 'nakIfAuthoritative' },
};
