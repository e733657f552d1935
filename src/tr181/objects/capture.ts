/** `Device.X_GATEHOUSE_Capture.`: captures that the router keeps running, and how each goes. */
import { isIfName } from '../../base/if-name.ts';
import { err, ok } from '../../base/result.ts';
import type {
  CapturesConfig,
  ConfiguredCapture,
  ConfiguredTrigger,
  SessionObserved,
  TriggerObserved,
} from '../../services/capture/config.ts';
import type { Row, RowReader } from '../reader.ts';
import {
  ALIAS,
  type CheckSink,
  type CommandContext,
  ENABLE,
  type ObjectGroup,
  type ParamDef,
  type ReportContext,
  type ReportedValues,
  type ReportSink,
} from '../table.ts';
import { dateTimeOf, UNKNOWN_TIME } from '../types.ts';
import { compileDhcpClient } from './dhcpv4-client.ts';
import { compileDhcp6Client } from './dhcpv6-client.ts';
import { ifNameBehind } from './interfaces.ts';
import { compileFirewall } from './nat.ts';
import { own } from './params.ts';

const NO_CAPTURES =
  'TR-181 captures by a command alone (PacketCaptureDiagnostics), and keeps no statistics';

const CAPTURE = 'Device.X_GATEHOUSE_Capture.';
const CAPTURES = `${CAPTURE}Capture.`;
const TRIGGERS = `${CAPTURE}Trigger.`;
/** Each keeps packets in memory. */
const MAX_TRIGGERS = 4;
const MIB = 1 << 20;
const REFERENCE = /^Device\.IP\.Interface\.\d+$/;
/** Of rows; two run at once, whatever the number that waits. */
const MAX_ROWS = 8;
const MAX_ITEMS = 16;
/** A week. */
const MAX_SECONDS = 604_800;

const EVENTS: readonly ConfiguredTrigger['event'][] = [
  ...(['LinkLost', 'LeaseLost', 'ProbeFailed', 'Alert'] as const),
];

const STATUS = {
  off: 'Disabled',
  waiting: 'Waiting',
  running: 'Running',
  complete: 'Complete',
  stopped: 'Stopped',
  failed: 'Error',
} as const;

const TRIGGER_STATUS = {
  off: 'Disabled',
  waiting: 'Waiting',
  armed: 'Armed',
  recording: 'Recording',
  failed: 'Error',
} as const;

const INTERFACE: ParamDef = {
  type: 'string',
  size: [1, 64],
  access: 'readWrite',
  default: 'wan',
  about:
    'A row of IP.Interface, the name of a network interface, or wan or lan as the router calls them.',
};
const list = (about: string): ParamDef => ({
  ...{ type: 'string', list: { maxItems: MAX_ITEMS }, size: [0, 64], access: 'readWrite' },
  about,
});

const FILTERS: Readonly<Record<string, ParamDef>> = {
  Filter: {
    type: 'string',
    size: [0, 1024],
    access: 'readWrite',
    about: 'A filter of pcap-filter(7); beside it, the lists that follow must fit, too.',
  },
  Protocol: list('One of these, such as tcp, udp, icmp, arp, ip6; empty for all.'),
  Port: list('One of these ports, or ranges such as 8000-8100; empty for all.'),
  Host: list('One of these addresses or networks, on either side; empty for all.'),
  Source: list('From one of these addresses or networks; empty for all.'),
  Destination: list('To one of these addresses or networks; empty for all.'),
  VLAN: {
    type: 'string',
    size: [0, 4],
    access: 'readWrite',
    about: 'Within this VLAN of 802.1Q alone, or any of them; empty for no matter.',
  },
};
const REASON: ParamDef = { type: 'string', about: 'Why it waits or failed, for people.' };
const START: Pick<ParamDef, 'type' | 'default'> = {
  ...{ type: 'dateTime', default: UNKNOWN_TIME },
};
const whole = (range: readonly [number, number], value: number, about: string): ParamDef => ({
  ...{ type: 'unsignedInt', access: 'readWrite', range: [range], default: String(value), about },
});

const bound = (units: string, about: string): ParamDef => ({
  ...{ type: 'unsignedLong', access: 'readWrite', default: '0', units, about },
});
const count = (about: string): ParamDef => ({ type: 'StatsCounter64', about });

export const capture: ObjectGroup = {
  name: 'Capture',
  inputs: ['captures'],
  objects: [
    {
      path: CAPTURE,
      about:
        'Captures: who talks how much with what on an interface, counted by the router itself.',
      params: own(NO_CAPTURES, {
        Enable: { ...ENABLE, default: 'true', about: 'Whether captures may run.' },
        MaximumDuration: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[1, MAX_SECONDS]],
          default: '86400',
          units: 'seconds',
          about: 'No capture is longer, whatever it asks for; of those that start from now on.',
        },
        MaximumFiles: whole([1, 1000], 50, 'Of files so many stay; the oldest make room.'),
        MaximumFileBytes: {
          ...{ type: 'unsignedLong', access: 'readWrite', units: 'bytes' },
          ...{ range: [[16 * MIB, 1024 * 1024 * MIB]], default: String(128 * MIB) },
          about:
            'What all files may take. A capture may write a quarter of it while it runs; half is for what is over.',
        },
      }),
    },
    {
      path: `${TRIGGERS}{i}.`,
      about:
        'A capture that something triggers: packets are kept in memory, and when it happens, those of the seconds before and after are written into a file.',
      rows: 'add',
      enable: 'Enable',
      maxRows: MAX_TRIGGERS,
      uniqueKeys: [['Alias']],
      params: own(NO_CAPTURES, {
        Alias: ALIAS,
        Enable: ENABLE,
        Status: {
          type: 'string',
          enum: Object.values(TRIGGER_STATUS),
          default: 'Disabled',
          about:
            'Armed: the last seconds are kept. Recording: it happened, and what follows is heard.',
        },
        Reason: REASON,
        Event: {
          type: 'string',
          enum: EVENTS,
          access: 'readWrite',
          default: 'LinkLost',
          about:
            'The interface loses its link, or the address that it was lent; something that the monitor watches answers no more; an alert is raised.',
        },
        Interface: INTERFACE,
        ...FILTERS,
        SecondsBefore: whole([1, 600], 30, 'Seconds before it happens.'),
        SecondsAfter: whole([0, 600], 10, 'Seconds after it.'),
        KeptBytes: {
          ...{ type: 'unsignedInt', access: 'readWrite', units: 'bytes' },
          ...{ range: [[MIB, 64 * MIB]], default: String(4 * MIB) },
          about: 'Memory for the packets of these seconds; as much again while a file is made.',
        },
        MaximumFiles: whole([1, 100], 5, 'So many of its files stay; the oldest make room.'),
        MaximumBytes: {
          ...{ type: 'unsignedLong', access: 'readWrite', units: 'bytes' },
          ...{ range: [[MIB, 1024 * MIB]], default: String(32 * MIB) },
          about: 'What its files may take in all.',
        },
        InterfaceName: { type: 'string', about: 'Name in the kernel of what it listens on.' },
        Fired: {
          type: 'StatsCounter64',
          about: 'How often it happened, since the daemon started.',
        },
        Skipped: {
          type: 'StatsCounter64',
          about: 'How often it happened again within half a minute, and was not written.',
        },
        LastFired: { ...START, about: 'When it happened last.' },
        LastFile: { type: 'string', about: 'Name of the newest file.' },
      }),
    },
    {
      path: `${CAPTURES}{i}.`,
      about:
        'A capture. One that is enabled starts when it is laid down or changed, and when the router starts; two run at once, others wait for their turn.',
      rows: 'both',
      enable: 'Enable',
      maxRows: MAX_ROWS,
      uniqueKeys: [['Alias']],
      params: own(NO_CAPTURES, {
        Alias: ALIAS,
        Enable: ENABLE,
        ID: { type: 'string', about: 'What the commands of captures call it.' },
        Status: {
          type: 'string',
          enum: Object.values(STATUS),
          default: 'Disabled',
          about: 'Waiting: for its interface, or for its turn. Complete: it reached a limit.',
        },
        Reason: REASON,
        Interface: INTERFACE,
        ...FILTERS,
        Duration: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[0, MAX_SECONDS]],
          default: '60',
          units: 'seconds',
          about: 'How long it runs, waiting included; 0 for as long as any may.',
        },
        MaximumPackets: bound(
          'packets',
          'It ends after so many, looked at each second; 0 for no limit.',
        ),
        MaximumBytes: bound(
          'bytes',
          'It ends after so many, looked at each second; 0 for no limit.',
        ),
        Promiscuous: { ...ENABLE, about: 'Whether it hears what is for others, too.' },
        Write: {
          ...ENABLE,
          about:
            'Whether its packets are written into pcapng files, the oldest of which make room.',
        },
        InterfaceName: { type: 'string', about: 'Name in the kernel of what it listens on.' },
        FilterText: { type: 'string', about: 'The whole filter, as text of pcap-filter(7).' },
        StartTime: { ...START, about: 'When it began last.' },
        Packets: count('Packets counted since it began.'),
        Bytes: count('Their bytes, of whole frames.'),
        DroppedPackets: count('Packets that came too fast for the ring, and are not counted.'),
        Interruptions: {
          type: 'unsignedInt',
          about: 'How often its interface went away since it began.',
        },
        Files: {
          type: 'string',
          list: {},
          about: 'Names of the files that it has written and are still there.',
        },
        UnwrittenPackets: count('Packets that were counted, but could not be written.'),
      }),
      commands: {
        Start: {
          about: 'Begins it anew.',
          run: async ({ calls, ...context }) => {
            const done = await calls.captureStart(idOf(context));
            return done.ok ? ok({}) : err(done.error);
          },
        },
        Stop: {
          about: 'Ends it; its figures stay.',
          run: async ({ calls, ...context }) => {
            const done = await calls.captureStop(idOf(context));
            return done.ok ? ok({}) : err(done.error);
          },
        },
      },
    },
  ],
  report,
  check,
};

/** Of a row that somebody laid down its path, of others what the service calls it. */
function idOf({ object, rows }: Pick<CommandContext, 'object' | 'rows'>): string {
  const own = rows.systemRows(CAPTURES).find(({ path }) => path === object);
  return own?.key ?? object.slice(0, -1);
}

export function compileCaptures(rows: RowReader): CapturesConfig {
  const { wan, lan } = compileFirewall(rows);
  const top = rows.at(CAPTURE);
  return {
    enable: top?.bool('Enable') === true,
    maxSec: top?.number('MaximumDuration') ?? 0,
    ...{ wan: wan[0], lan: lan[0] },
    clients: [...compileDhcpClient(rows).clients, ...compileDhcp6Client(rows).clients].map(
      ({ id, ifName }) => ({ id, ifName }),
    ),
    captures: rows.rows(CAPTURES).map(
      (row): ConfiguredCapture => ({
        ...{ id: row.id, enable: row.bool('Enable'), ifName: heardOn(rows, row) },
        ...{ forSec: row.number('Duration'), promiscuous: row.bool('Promiscuous') },
        ...{ maxPackets: row.number('MaximumPackets'), maxBytes: row.number('MaximumBytes') },
        ...{ write: row.bool('Write'), filter: filterOf(row) },
      }),
    ),
    triggers: rows.rows(TRIGGERS).map(
      (row): ConfiguredTrigger => ({
        ...{ id: row.id, enable: row.bool('Enable'), ifName: heardOn(rows, row) },
        event: EVENTS.find((event) => event === row.text('Event')) ?? 'LinkLost',
        secondsBefore: row.number('SecondsBefore'),
        secondsAfter: row.number('SecondsAfter'),
        ...{ keptBytes: row.number('KeptBytes'), filter: filterOf(row) },
        ...{ maxFiles: row.number('MaximumFiles'), maxBytes: row.number('MaximumBytes') },
      }),
    ),
    maxFiles: top?.number('MaximumFiles') ?? 0,
    maxFileBytes: top?.number('MaximumFileBytes') ?? 0,
  };
}

/** The name of the kernel, or what was asked for where there is none yet. */
function heardOn(rows: RowReader, row: Row): string {
  const asked = row.text('Interface');
  return REFERENCE.test(asked) ? (ifNameBehind(rows, asked) ?? asked) : asked;
}

function filterOf(row: Row): ConfiguredCapture['filter'] {
  const [raw, vlan] = [row.text('Filter'), row.text('VLAN')];
  return {
    ...{ protocols: row.list('Protocol'), ports: row.list('Port'), hosts: row.list('Host') },
    ...{ from: row.list('Source'), to: row.list('Destination') },
    ...(vlan === '' ? {} : { vlan }),
    ...(raw === '' ? {} : { raw }),
  };
}

function check(rows: RowReader, out: CheckSink): void {
  for (const row of [...rows.rows(CAPTURES), ...rows.rows(TRIGGERS)]) {
    const name = row.text('Interface');
    if (!isIfName(name) && !(REFERENCE.test(name) && rows.at(name) !== undefined))
      out.fault(`${row.path}Interface`, `"${name}" is no name of an interface`);
  }
}

function report({ observed, rows }: ReportContext, out: ReportSink): void {
  const sessions = observed.captures?.sessions ?? [];
  const known = new Map(sessions.map((session) => [session.id, session]));
  for (const row of rows.rows(CAPTURES)) {
    const session = known.get(row.id);
    if (session !== undefined) out.put(row.path, valuesOf(session));
  }
  const triggers = new Map(observed.captures?.triggers.map((one) => [one.id, one]));
  for (const row of rows.rows(TRIGGERS)) {
    const trigger = triggers.get(row.id);
    if (trigger !== undefined) out.put(row.path, triggerValues(trigger));
  }
  for (const session of sessions) {
    if (session.configured) continue;
    const { ifName, filter, forSec, maxPackets, maxBytes, promiscuous } = session.spec;
    out.row(CAPTURES, session.id, {
      ...valuesOf(session),
      ...{ Enable: 'true', Interface: ifName, Filter: filter.raw ?? '' },
      Protocol: (filter.protocols ?? []).join(','),
      Port: (filter.ports ?? []).join(','),
      Host: (filter.hosts ?? []).join(','),
      Source: (filter.from ?? []).join(','),
      Destination: (filter.to ?? []).join(','),
      VLAN: filter.vlan ?? '',
      Duration: String(forSec),
      MaximumPackets: String(maxPackets),
      MaximumBytes: String(maxBytes),
      Promiscuous: String(promiscuous),
      Write: String(session.spec.write),
    });
  }
}

const valuesOf = (session: SessionObserved): ReportedValues => ({
  ID: session.id,
  Status: STATUS[session.state],
  Reason: session.reason,
  InterfaceName: session.ifName ?? '',
  FilterText: session.filter,
  ...(session.startedMs === undefined ? {} : { StartTime: dateTimeOf(session.startedMs) }),
  Packets: String(session.packets),
  Bytes: String(session.bytes),
  DroppedPackets: String(session.droppedPackets),
  Interruptions: String(session.interruptions),
  Files: session.files.join(','),
  UnwrittenPackets: String(session.unwrittenPackets),
});

const triggerValues = (trigger: TriggerObserved): ReportedValues => ({
  Status: TRIGGER_STATUS[trigger.state],
  Reason: trigger.reason,
  InterfaceName: trigger.ifName ?? '',
  Fired: String(trigger.fired),
  Skipped: String(trigger.skipped),
  ...(trigger.firedMs === undefined ? {} : { LastFired: dateTimeOf(trigger.firedMs) }),
  LastFile: trigger.file,
});
