/** What udhcpc's hook says, and the lease in it. */
import { parseIpv4 } from '../../base/ip.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { optionFromEnv } from '../../wire/dhcp4-options.ts';
import type { RawLease } from './lease.ts';

/** What udhcpc puts in place of a name that a shell script had better not see. */
const BAD_NAME = 'bad';
const NAMES: ReadonlySet<string> = new Set(['hostname', 'domain', 'nisdomain']);

/** One message of the hook, as the lease monitor hands it over. */
export interface HookMessage {
  readonly clientId: string;
  readonly event: string;
  readonly clientPid: number;
  /** CLOCK_BOOTTIME, ms. */
  readonly boottimeMs: number;
  readonly env: ReadonlyMap<string, string>;
}

/** The ACK in the environment of `bound` and `renew`. */
export function rawLease(message: HookMessage): Result<RawLease, string> {
  const address = parseIpv4(message.env.get('ip') ?? '', 'ip');
  if (!address.ok) return err(`refused: ${address.error.message}`);
  const options = new Map<number, Uint8Array>();
  const unreadable: string[] = [];
  for (const [key, value] of message.env) {
    if (NAMES.has(key) && value === BAD_NAME) {
      unreadable.push(`${key} ignored: the server sent what is no host or domain name`);
      continue;
    }
    const option = optionFromEnv(key, value);
    if (option?.ok) options.set(option.value[0], option.value[1]);
    else if (option !== undefined) unreadable.push(`${key} ignored: ${option.error.message}`);
  }
  return ok({ address: address.value, options, unreadable, receivedAtMs: message.boottimeMs });
}
