/** What is typed at the console, checked before it goes anywhere. Pure. */
import { formatIpv4, maskOf, parseIpv4, prefixLen, prefixLenOf } from '../../base/ip.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { isHostLabel } from '../../base/text.ts';

const IPV6 = /^(?=.{2,45}$)(?=.*:.*:)[0-9A-Fa-f:]+(\.\d{1,3}){0,3}(%[A-Za-z0-9._-]{1,15})?$/;

/** An IPv4 or IPv6 address or a host name, which can be handed to a program: it never begins with a hyphen. */
export function hostOf(text: string): Result<string, string> {
  if (/^[\d.]+$/.test(text)) {
    return parseIpv4(text).ok ? ok(text) : err('an address looks like 192.168.1.1');
  }
  if (IPV6.test(text)) return ok(text);
  const labels = text.replace(/\.$/, '').split('.');
  return text.length <= 253 && labels.every(isHostLabel)
    ? ok(text)
    : err('neither an address nor a host name');
}

export interface LanAddress {
  readonly address: string;
  readonly mask: string;
}

/** `192.168.7.1/24` or `192.168.7.1 255.255.255.0`; without a length it is /24. What fits the network is the model's to say. */
export function lanAddressOf(text: string): Result<LanAddress, string> {
  const [addressText = '', maskGiven = '24', ...more] = text.split(/[/ ]+/);
  const address = parseIpv4(addressText);
  const mask = maskText(maskGiven);
  return address.ok && mask !== undefined && more.length === 0
    ? ok({ address: addressText, mask })
    : err('an address looks like 192.168.7.1/24');
}

function maskText(text: string): string | undefined {
  if (/^\d{1,2}$/.test(text)) {
    const length = prefixLen(Number(text));
    return length === undefined ? undefined : formatIpv4(maskOf(length));
  }
  const mask = parseIpv4(text);
  return mask.ok && prefixLenOf(mask.value) !== undefined ? text : undefined;
}
