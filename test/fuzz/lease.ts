import { BugError } from '../../src/base/errors.ts';
import {
  decodeLeaseAck,
  decodeLeaseMessage,
  encodeLeaseAck,
  encodeLeaseMessage,
  LEASE_MAX_BYTES,
  type LeaseMessage,
  leaseFrameBytes,
} from '../../src/wire/lease.ts';

const plain: LeaseMessage = {
  clientId: 'dhcp4.1',
  event: 'bound',
  clientPid: 4242,
  wallMs: 1_700_000_000_000,
  boottimeMs: 12_345,
  truncated: false,
  env: new Map([
    ['interface', 'wan0'],
    ['ip', '192.0.2.7'],
    ['opt53', '05'],
  ]),
};

/** What decodes obeys the limits and, without doubled names, encodes to something that decodes alike. */
export const target = {
  name: 'lease',
  run(bytes: Uint8Array): void {
    decodeLeaseAck(bytes);
    const length = leaseFrameBytes(bytes);
    if (length.ok && length.value > LEASE_MAX_BYTES) throw new BugError('too long a frame');
    const decoded = decodeLeaseMessage(bytes);
    if (!decoded.ok) return;
    const { clientId, env } = decoded.value;
    if (/[/\n\0]/.test(clientId) || clientId.startsWith('.')) throw new BugError('client id');
    if (env.size > 512) throw new BugError('too many pairs');
    const again = decodeLeaseMessage(encodeLeaseMessage(decoded.value));
    if (!again.ok || again.value.env.size !== env.size) throw new BugError('not the same again');
  },
  seeds: (): Uint8Array[] => [
    encodeLeaseMessage(plain),
    encodeLeaseMessage({ ...plain, event: 'deconfig', truncated: true, env: new Map() }),
    encodeLeaseAck('done'),
  ],
};
