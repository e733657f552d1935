/** The owner's word about one device of the LAN: served or not, for how long, and with which address. */
import { Hono } from 'hono';
import { parseIpv4, parseMac } from '../../base/ip.ts';
import { change } from './changes.ts';
import { type Env, fieldsOf, isResponse, type Parts, refuse, textOf } from './context.ts';
import type { DhcpDevices } from './faces.ts';
import { administrator } from './guard.ts';

type Word = 'allow' | 'deny' | 'forget' | 'fix';

const WORDS: readonly string[] = ['allow', 'deny', 'forget', 'fix'] satisfies readonly Word[];
const MAX_SECONDS = 0x7fff_ffff;

export function deviceRoutes(parts: Parts): Hono<Env> {
  const { devices } = parts;
  const app = new Hono<Env>();

  app.post('/device', administrator(), async (c) => {
    const fields = await fieldsOf(c);
    if (isResponse(fields)) return fields;
    const word = textOf(fields, 'word') ?? '';
    if (!WORDS.includes(word)) return refuse(c, 400, `word is one of ${WORDS.join(', ')}`);
    const mac = parseMac(textOf(fields, 'mac') ?? '');
    if (!mac.ok) return refuse(c, 400, 'mac is missing, such as 02:00:00:00:00:01');
    const seconds = fields['seconds'] ?? 0;
    if (!isSeconds(seconds)) return refuse(c, 400, 'seconds is a whole number, 0 for good');
    const text = textOf(fields, 'address');
    const address = text === undefined ? undefined : parseIpv4(text, 'address');
    if (address?.ok === false) return refuse(c, 400, address.error.message);
    return change(parts, c, undefined, (origin) =>
      said(devices, word as Word, origin, { mac: mac.value, seconds, address: address?.value }),
    );
  });

  return app;
}

type Origin = Parameters<DhcpDevices['forget']>[1];
type About = {
  readonly mac: Parameters<DhcpDevices['forget']>[0];
  readonly seconds: number;
  readonly address: Parameters<DhcpDevices['fix']>[1];
};

function said(
  devices: Parts['devices'],
  word: Word,
  origin: Origin,
  { mac, seconds, address }: About,
): ReturnType<DhcpDevices['forget']> {
  switch (word) {
    case 'allow':
      return devices.decide(mac, 'Allow', seconds, origin);
    case 'deny':
      return devices.decide(mac, 'Deny', seconds, origin);
    case 'forget':
      return devices.forget(mac, origin);
    case 'fix':
      return devices.fix(mac, address, undefined, origin);
  }
}

const isSeconds = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_SECONDS;
