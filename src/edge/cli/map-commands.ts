/** map: the shared IPv4 address, its port sets, and how many of its ports are in use. */
import { isObject, type JsonObject, list, text } from './bus.ts';
import type { Session } from './session.ts';
import { type Column, statusStyle } from './table.ts';

const DOMAINS: readonly Column<JsonObject>[] = [
  { title: 'DOMAIN', cell: ({ id }) => text(id) },
  {
    title: 'STATUS',
    cell: ({ status }) => text(status),
    style: ({ status }) => statusStyle(text(status)),
  },
  { title: 'ADDRESS', cell: ({ address }) => text(address ?? '') },
  {
    title: 'PSID',
    cell: ({ psid, psidLength, shared }) =>
      shared === true ? `${text(psid)}/${text(psidLength)}` : '',
  },
  {
    title: 'PORTS IN USE',
    cell: (domain) =>
      domain['address'] === null
        ? ''
        : `${text(domain['portsInUse'] ?? '?')} of ${setsOf(domain).reduce((sum, set) => sum + sizeOf(set), 0)}`,
  },
  { title: 'FLOWS', cell: ({ flows }) => flowsOf(flows) },
  { title: 'LINK', cell: ({ link, engine }) => [link, engine].map((v) => text(v ?? '')).join(' ') },
  { title: 'FROM', cell: ({ origin }) => text(origin) },
];

const FACTS: readonly Column<JsonObject>[] = [
  { title: 'DELEGATED PREFIX', cell: ({ delegated }) => text(delegated ?? '') },
  { title: 'IPV6 ADDRESS', cell: ({ address6 }) => text(address6 ?? '') },
  { title: 'BORDER RELAY', cell: ({ borderRelay }) => text(borderRelay ?? '') },
  { title: 'IPV4 MTU', cell: ({ mtu }) => text(mtu ?? '') },
];

const RULES: readonly Column<JsonObject>[] = [
  { title: 'RULE', cell: ({ ipv6Prefix }) => text(ipv6Prefix) },
  { title: 'IPV4 PREFIX', cell: ({ ipv4Prefix }) => text(ipv4Prefix) },
  { title: 'EA BITS', cell: ({ eaBits }) => text(eaBits) },
  { title: 'PSID OFFSET', cell: ({ psidOffset }) => text(psidOffset) },
  {
    title: 'KIND',
    cell: ({ basic, fmr }) =>
      [basic === true ? 'basic' : '', fmr === true ? 'forwarding' : ''].join(' ').trim(),
  },
  {
    title: 'STATUS',
    cell: ({ status }) => text(status),
    style: ({ status }) => statusStyle(text(status)),
  },
  { title: 'REASON', cell: ({ reason }) => text(reason ?? '') },
];

const SETS: readonly Column<JsonObject>[] = [
  { title: 'PORTS', cell: ({ first, last }) => `${text(first)}-${text(last)}` },
  { title: 'IN USE', cell: (set) => `${text(set['used'] ?? '?')} of ${sizeOf(set)}` },
];

const setsOf = (domain: JsonObject): readonly JsonObject[] =>
  list(domain['portSets']).filter(isObject);

/** Port 0 is none. */
const sizeOf = ({ first, last }: JsonObject): number =>
  Number(last) - Math.max(1, Number(first)) + 1;

const flowsOf = (flows: JsonObject[string] | undefined): string =>
  isObject(flows ?? null)
    ? ['tcp', 'udp', 'icmp']
        .map((name) => `${text((flows as JsonObject)[name])} ${name.toUpperCase()}`)
        .join(', ')
    : '';

export async function map(session: Session, options: { sets?: boolean }): Promise<void> {
  const data = await session.ask('map', 'status');
  if (data === undefined) return;
  if (session.json) return session.printJson(data);
  const domains = list(data['domains']).filter(isObject);
  if (domains.length === 0) session.note('there is no MAP domain');
  session.print(DOMAINS, domains);
  for (const domain of domains) {
    session.data('\n');
    session.print(FACTS, [domain]);
    session.print(RULES, list(domain['rules']).filter(isObject));
    if (options.sets === true) session.print(SETS, setsOf(domain));
    const { id, reason } = domain;
    if (typeof reason === 'string') session.note(`${text(id)}: ${reason}`);
  }
  const refusal = data['refusal'];
  if (typeof refusal === 'string') {
    session.note(`${text(data['refusedOptions'])} options were refused, the last: ${refusal}`);
  }
}
