/** What anybody on the LAN can put into a request before anything is known of him. */
import { cookieOf } from '../../src/edge/http/context.ts';
import { hostOf, isAllowedHost, isSameOrigin } from '../../src/edge/http/hosts.ts';
import { readSetup } from '../../src/edge/http/setup.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export const target = {
  name: 'http-head',
  run(bytes: Uint8Array): void {
    const value = new TextDecoder('latin1').decode(bytes);
    const host = hostOf(value);
    if (host !== undefined && !/^[a-z0-9_.:-]+$/.test(host)) throw new Error(`host ${host}`);
    if (isAllowedHost(value, ['gatehouse']) && host !== 'gatehouse' && host !== 'localhost') {
      if (host !== '127.0.0.1' && host !== '::1') throw new Error(`allowed ${host}`);
    }
    if (isSameOrigin(value, 'box') && !/^https:\/\/box(:443)?$/i.test(value)) {
      throw new Error(`origin ${value}`);
    }
    const cookie = cookieOf(value, 'gatehouse');
    if (cookie?.includes(';')) throw new Error(`cookie ${cookie}`);
    let fields: unknown;
    try {
      fields = JSON.parse(value);
    } catch {
      return;
    }
    if (typeof fields !== 'object' || fields === null) return;
    const read = readSetup(fields as Record<string, unknown>);
    if (!read.ok && read.error.length === 0) throw new Error('refused without a fault');
  },
  seeds: (): Uint8Array[] =>
    [
      'gatehouse:443',
      '[fd00::1]:8443',
      'https://box:443',
      'a=b; gatehouse=0123; c=d',
      '{"password":"x","timeZone":"UTC","lanAddress":"1.2.3.4","lanMask":"255.0.0.0","wan":{"type":"static","dns":["9.9.9.9"]}}',
    ].map(text),
};
