/** `Device.X_GATEHOUSE_Syslog.`: collectors of the log elsewhere. */
import type { CollectorConfig, SyslogConfig } from '../../services/syslog/config.ts';
import { FACILITIES, SEVERITY } from '../../wire/syslog.ts';
import type { Row, RowReader } from '../reader.ts';
import { ALIAS, ENABLE, type ObjectGroup, type ParamDef, REASON } from '../table.ts';
import { checkAuthority } from './authority.ts';
import { choice, own } from './params.ts';

const COLLECTORS = 'Device.X_GATEHOUSE_Syslog.Collector.';
const WHY = "of TR-181's Device.Syslog. (2.17) this is the remote action, in one row";
const PORTS: Readonly<Record<string, number>> = { UDP: 514, TCP: 514, TLS: 6514 };
const LEVELS: Readonly<Record<string, number>> = {
  Error: SEVERITY.error,
  Warning: SEVERITY.warning,
  Informational: SEVERITY.informational,
  Debug: SEVERITY.debug,
};

const counter = (about: string): ParamDef => ({ type: 'StatsCounter64', volatile: true, about });

export const syslog: ObjectGroup = {
  name: 'Syslog',
  inputs: ['syslog'],
  objects: [
    { path: 'Device.X_GATEHOUSE_Syslog.', about: 'The log, for collectors elsewhere.', params: {} },
    {
      path: `${COLLECTORS}{i}.`,
      about: 'One that is sent the log as it is written, as messages of RFC 5424.',
      rows: 'add',
      enable: 'Enable',
      maxRows: 8,
      uniqueKeys: [['Alias']],
      params: own(WHY, {
        Enable: ENABLE,
        Alias: ALIAS,
        Host: {
          type: 'string',
          access: 'readWrite',
          size: [0, 253],
          pattern: '[A-Za-z0-9._:-]*',
          default: '',
          about: 'Its address or name; of TLS it is what the certificate must name.',
        },
        Port: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[0, 65_535]],
          default: '0',
          about: 'Where it listens; 0: 514, by TLS 6514.',
        },
        Protocol: choice(
          ['UDP', 'TCP', 'TLS'],
          'UDP',
          'How messages travel; streams count octets.',
        ),
        Authority: {
          type: 'string',
          access: 'readWrite',
          size: [0, 16_384],
          default: '',
          about:
            'TLS: certificates (PEM) that its own must come from; empty: those that the system trusts.',
        },
        Facility: choice(FACILITIES, 'daemon', 'What the messages are said to be of.'),
        Level: choice(Object.keys(LEVELS), 'Informational', 'The least important that are sent.'),
        Status: {
          type: 'string',
          enum: ['Disabled', 'Up', 'Error', 'Connecting'],
          default: 'Disabled',
          about: 'Whether it is reached; of UDP, as far as the network tells.',
        },
        Reason: REASON,
        Sent: counter('Messages that left.'),
        Dropped: counter('Messages that made room for others while it was not reached.'),
        Queued: { type: 'unsignedInt', volatile: true, about: 'Messages that wait.' },
      }),
    },
  ],
  report: ({ observed, rows, lookups }, out) => {
    const seen = new Map(observed.syslog?.collectors.map((one) => [one.id, one]));
    for (const row of rows.rows(COLLECTORS)) {
      const one = seen.get(row.id);
      const figures = () => lookups.syslog().find(({ id }) => id === row.id);
      const failing = one?.reason === undefined ? 'Connecting' : 'Error';
      out.put(row.path, {
        Status: one === undefined ? 'Disabled' : one.up ? 'Up' : failing,
        Reason: one?.reason ?? '',
        Sent: () => String(figures()?.sent ?? 0),
        Dropped: () => String(figures()?.dropped ?? 0),
        Queued: () => String(figures()?.queued ?? 0),
      });
    }
  },
  check: (rows, out) => {
    for (const row of rows.rows(COLLECTORS)) {
      if (row.bool('Enable') && row.text('Host') === '') {
        out.fault(`${row.path}Host`, 'a host is needed that the log is sent to');
      }
      checkAuthority(row, 'Authority', out);
    }
  },
};

export const compileSyslog = (rows: RowReader): SyslogConfig => ({
  collectors: rows
    .rows(COLLECTORS)
    .filter((row) => row.bool('Enable') && row.text('Host') !== '')
    .map(collectorOf),
});

function collectorOf(row: Row): CollectorConfig {
  const protocol = row.text('Protocol');
  return {
    ...{ id: row.id, host: row.text('Host'), authority: row.text('Authority') },
    protocol: protocol === 'TCP' || protocol === 'TLS' ? protocol : 'UDP',
    port: row.number('Port') || (PORTS[protocol] ?? 514),
    facility: (FACILITIES as readonly string[]).indexOf(row.text('Facility')),
    severity: LEVELS[row.text('Level')] ?? SEVERITY.informational,
  };
}
