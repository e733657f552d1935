/** How a target of the monitor is asked, other than by echo requests. */
import { fromHex } from '../../base/bytes.ts';
import type { CheckSpec } from '../../services/monitor/checks.ts';
import { parseName } from '../../wire/dns-name.ts';
import { typeCode } from '../../wire/dns-registry.ts';
import type { Row } from '../reader.ts';
import type { CheckSink, ParamDef } from '../table.ts';

const TYPES = ['ICMP', 'TCP', 'UDP', 'HTTP', 'DNS'] as const;
const STATUS = '[1-5][0-9][0-9]';
const DNS_PORT = 53;

export const CHECKS: Readonly<Record<string, ParamDef>> = {
  Type: {
    type: 'string',
    access: 'readWrite',
    enum: TYPES,
    default: 'ICMP',
    about: 'How it is asked: by echo requests, connections, datagrams, pages or names.',
  },
  Port: {
    type: 'unsignedInt',
    access: 'readWrite',
    range: [[0, 65_535]],
    default: '0',
    about: 'Where it is asked; 0: the usual port of HTTP, HTTPS or DNS.',
  },
  Payload: {
    type: 'hexBinary',
    access: 'readWrite',
    size: [0, 1024],
    default: '',
    about: 'UDP: what is sent.',
  },
  Expected: {
    type: 'string',
    access: 'readWrite',
    size: [0, 256],
    default: '',
    about:
      'What the answer must hold: of UDP and HTTP, of DNS the data of one record or a code such as NXDOMAIN; empty for anything.',
  },
  Secure: {
    type: 'boolean',
    access: 'readWrite',
    default: 'true',
    about: 'HTTP: whether by TLS.',
  },
  Path: {
    type: 'string',
    access: 'readWrite',
    size: [1, 1024],
    pattern: '/[!-~]*',
    default: '/',
    about: 'HTTP: the path of the page, with its query.',
  },
  ExpectedStatus: {
    type: 'string',
    access: 'readWrite',
    pattern: `${STATUS}(-${STATUS})?`,
    default: '200-399',
    about: 'HTTP: a status, or from one to another.',
  },
  CertificateDays: {
    type: 'int',
    access: 'readWrite',
    range: [[-1, 36_500]],
    default: '0',
    units: 'days',
    about: 'HTTP: how long its certificate must last at least; -1: it is not looked at.',
  },
  QueryName: {
    type: 'string',
    access: 'readWrite',
    size: [0, 253],
    default: '',
    about: 'DNS: the name that it is asked for.',
  },
  QueryType: {
    type: 'string',
    access: 'readWrite',
    size: [1, 16],
    default: 'A',
    about: 'DNS: the type of record.',
  },
};

/** Least and greatest that are well. */
function statusOf(row: Row): readonly [number, number] {
  const [least = '', greatest = least] = row.text('ExpectedStatus').split('-');
  return [Number(least), Number(greatest)];
}

export const kindOf = (row: Row): (typeof TYPES)[number] =>
  TYPES.find((type) => type === row.text('Type')) ?? 'ICMP';

/** Undefined for echo requests, and for a row that `checkKind` refuses. */
export function specOf(row: Row): CheckSpec | undefined {
  const kind = kindOf(row);
  const family = row.text('Family');
  const port = row.number('Port');
  const to = {
    host: row.text('Host'),
    family: family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : undefined,
  } as const;
  switch (kind) {
    case 'ICMP':
      return undefined;
    case 'TCP':
      return { ...to, kind, port };
    case 'UDP': {
      const payload = fromHex(row.text('Payload')) ?? new Uint8Array(0);
      const expected = new TextEncoder().encode(row.text('Expected'));
      return { ...to, kind, port, payload, expected };
    }
    case 'HTTP': {
      const secure = row.bool('Secure');
      const days = row.number('CertificateDays');
      return {
        ...{ ...to, kind, secure, port: port || (secure ? 443 : 80), path: row.text('Path') },
        ...{ status: statusOf(row), contains: row.text('Expected') },
        certificateDays: days < 0 ? undefined : days,
      };
    }
    case 'DNS': {
      const name = parseName(row.text('QueryName'));
      const type = typeCode(row.text('QueryType'));
      if (!name.ok || type === undefined) return undefined;
      const expected = row.text('Expected');
      return { ...to, kind, port: port || DNS_PORT, name: name.value, type, expected };
    }
  }
}

export function checkKind(row: Row, out: CheckSink): void {
  const kind = kindOf(row);
  if ((kind === 'TCP' || kind === 'UDP') && row.number('Port') === 0) {
    out.fault(`${row.path}Port`, `${kind} has no usual port`);
  }
  if (kind === 'HTTP') {
    const [least, greatest] = statusOf(row);
    if (least > greatest) {
      out.fault(`${row.path}ExpectedStatus`, `no status is from ${least} to ${greatest}`);
    }
  }
  if (kind !== 'DNS') return;
  const name = parseName(row.text('QueryName'));
  if (row.text('QueryName') === '' || !name.ok) {
    out.fault(`${row.path}QueryName`, 'a name is needed that it can be asked for');
  }
  if (typeCode(row.text('QueryType')) === undefined) {
    out.fault(`${row.path}QueryType`, 'there is no such type of record');
  }
}
