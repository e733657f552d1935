/** `Device.X_GATEHOUSE_Alerts.`: what is told to whom when something breaks. */
import { err, ok } from '../../base/result.ts';
import type { AlertsConfig, ChannelConfig, RuleConfig } from '../../services/alerts/config.ts';
import { SEVERITIES, TOLD_KINDS, WATCHES } from '../../wire/alert.ts';
import type { Row, RowReader } from '../reader.ts';
import {
  ALIAS,
  type CheckSink,
  ENABLE,
  type ObjectGroup,
  type ParamDef,
  REASON,
  type ReportContext,
  type ReportSink,
} from '../table.ts';
import { dateTimeOf, UNKNOWN_TIME } from '../types.ts';
import { checkAuthority } from './authority.ts';
import { choice, own, text } from './params.ts';

const ALERTS = 'Device.X_GATEHOUSE_Alerts.';
const RULES = `${ALERTS}Rule.`;
const CHANNELS = `${ALERTS}Channel.`;
const RAISED = `${ALERTS}Alert.`;
const NO_ALERTS = 'TR-181 has alarms for a controller (Device.FaultMgmt.), and nobody else is told';

/** What each kind of channel is reached by. */
const SCHEMES: Readonly<Record<string, readonly string[]>> = {
  Webhook: ['https:', 'http:'],
  MQTT: ['mqtts:', 'mqtt:'],
  Email: ['smtps:', 'smtp:'],
};
const seconds = (fallback: number, about: string): ParamDef => ({
  ...{ type: 'unsignedInt', access: 'readWrite', default: String(fallback), units: 'seconds' },
  ...{ range: [[0, 86_400]], about },
});
const silencedUntil = (about: string): ParamDef => ({
  ...{ type: 'dateTime', access: 'readWrite', default: UNKNOWN_TIME, about },
});
const count = (about: string): ParamDef => ({ type: 'StatsCounter64', about });

export const alerts: ObjectGroup = {
  name: 'Alerts',
  inputs: ['alerts'],
  objects: [
    {
      path: ALERTS,
      about: 'Says when something breaks, and why.',
      params: own(NO_ALERTS, {
        Enable: { ...ENABLE, default: 'true', about: 'Whether rules are looked at.' },
        SilencedUntil: silencedUntil(
          'Until then no channel is told anything but tests; 0001-01-01T00:00:00Z: they are told. What is bad or over by then is told afterwards; what came and went meanwhile, and events, are not.',
        ),
        Raised: count('Alerts raised so far.'),
        Refused: count('Things that found no room to be watched.'),
        HistoryChanges: count('Counts up with each change of what `gatehouse alerts history` has.'),
      }),
      events: {
        Alert: {
          about: 'An alert was raised, or is over; or something happened that a rule is for.',
          args: {
            Kind: { type: 'string', enum: TOLD_KINDS },
            Severity: { type: 'string', enum: SEVERITIES },
            Watch: { type: 'string' },
            Name: { type: 'string' },
            Reason: { type: 'string' },
            Since: { type: 'dateTime' },
          },
        },
      },
    },
    {
      path: `${RULES}{i}.`,
      about: 'One kind of trouble that is told.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias']],
      maxRows: 64,
      params: own(NO_ALERTS, {
        Enable: { ...ENABLE, default: 'true' },
        Alias: ALIAS,
        Watch: choice(
          WATCHES,
          'Target',
          'Target: what is monitored answers no more; TargetLossy: or in part. Link: an interface goes down. Lease: a DHCP client has none. NewDevice: one that was never seen before. AddressConflict: somebody has, or says to have, the address of another.',
        ),
        Subject: text(256, 'Name or path of the one it is for; empty for all.'),
        Severity: choice(SEVERITIES, 'Warning', 'How bad it is.'),
        RaiseAfter: seconds(30, 'How long it has to be bad before it is told.'),
        ClearAfter: seconds(60, 'How long it has to be good before that is told.'),
        Behind: {
          type: 'string',
          access: 'readWrite',
          default: '',
          ref: { targets: [`${RULES}{i}.`], strong: false },
          about: 'While the trouble of that rule lasts, nothing is told of this one.',
        },
        Evidence: {
          ...{ type: 'boolean', access: 'readWrite', default: 'true' },
          about:
            'Whether the path is traced as it is raised, and the capture is named that a trigger kept (X_GATEHOUSE_Capture.Trigger.).',
        },
      }),
    },
    {
      path: `${CHANNELS}{i}.`,
      about: 'Somebody who is told, beside the log and the bus.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias']],
      maxRows: 16,
      params: own(NO_ALERTS, {
        Enable: { ...ENABLE, default: 'true' },
        Alias: ALIAS,
        Type: choice(
          Object.keys(SCHEMES),
          'Webhook',
          'Webhook: JSON by POST; MQTT: JSON at QoS 1; Email: a letter by SMTP.',
        ),
        URL: text(
          1024,
          'https://host/path, mqtts://host[:port], smtps://host[:port] (465), smtp://host[:port] (587, STARTTLS is required unless it is this box). Without s what is told can be read on the way.',
        ),
        Username: text(256, 'Empty: none.'),
        Password: { ...text(256, 'Of that user.'), secret: true },
        Topic: text(256, 'Of MQTT.', 'gatehouse/alerts'),
        From: text(256, 'Of mail: the sender.'),
        To: {
          ...{ type: 'string', list: { maxItems: 16 }, size: [0, 256], access: 'readWrite' },
          about: 'Of mail: who gets it.',
        },
        Authority: text(
          16_384,
          "PEM of the authority that signed the server's certificate; empty: those that everybody knows.",
        ),
        MinimumSeverity: choice(SEVERITIES, 'Info', 'What is less bad is not told here.'),
        SilencedUntil: silencedUntil(
          'The same for this channel alone; the later of the two counts.',
        ),
        Status: {
          type: 'string',
          enum: ['Disabled', 'Idle', 'Sending', 'Retrying', 'Silenced'],
          default: 'Disabled',
          about:
            'Retrying: it was not taken; it is tried for a day. Silenced: it is not told for some time (SilencedUntil).',
        },
        Reason: REASON,
        Queued: {
          type: 'unsignedInt',
          about: 'Alerts that wait, 100 at most; they outlive a restart.',
        },
        Delivered: count('Alerts that were taken.'),
        Failed: count('Alerts that were refused for good, or not taken within a day.'),
        Dropped: count('Alerts that made room for newer ones.'),
        Muted: count('Alerts that were not told, since all was over before the end of a silence.'),
      }),
      commands: {
        Test: {
          about: 'Tells that this is a test, now.',
          async: true,
          run: async ({ object, rows, calls, signal }) => {
            const row = rows.at(object);
            if (row === undefined) return err('it is gone');
            const tested = await calls.alertsTest(row.id, signal);
            return tested.ok ? ok({}) : tested;
          },
        },
      },
    },
    {
      path: `${RAISED}{i}.`,
      about: 'Something that is bad now, or was until a moment ago.',
      rows: 'system',
      params: own(NO_ALERTS, {
        Alias: { type: 'string', size: [0, 64], about: 'Made by the system.' },
        Rule: { type: 'string', about: 'Which rule it is.' },
        Watch: { type: 'string', enum: WATCHES, about: 'As the rule has it.' },
        Name: { type: 'string', about: 'What is bad.' },
        Reason: REASON,
        Severity: { type: 'string', enum: SEVERITIES, about: 'As the rule has it.' },
        Status: {
          type: 'string',
          enum: ['Pending', 'Raised', 'Clearing'],
          about: 'Pending: not for long enough; Clearing: good again, not for long enough.',
        },
        Since: { type: 'dateTime', about: 'When it became bad.' },
        Silenced: { type: 'boolean', about: 'Not told, since what it lies behind is in trouble.' },
        Flapping: { type: 'boolean', about: 'It comes and goes, and is told again when it stays.' },
      }),
    },
  ],
  report,
  check,
};

const CHANNEL_STATES = {
  idle: 'Idle',
  sending: 'Sending',
  retrying: 'Retrying',
  silenced: 'Silenced',
} as const;
const ALERT_STATES = { pending: 'Pending', raised: 'Raised', clearing: 'Clearing' } as const;

function report({ observed, rows }: ReportContext, out: ReportSink): void {
  const seen = observed.alerts;
  out.put(ALERTS, {
    ...{ Raised: String(seen?.raised ?? 0), Refused: String(seen?.refused ?? 0) },
    HistoryChanges: String(seen?.historyChanges ?? 0),
  });
  const channels = new Map(seen?.channels.map((channel) => [channel.id, channel]));
  for (const row of rows.rows(CHANNELS)) {
    const channel = channels.get(row.id);
    if (channel === undefined) continue;
    out.put(row.path, {
      ...{ Status: CHANNEL_STATES[channel.state], Reason: channel.reason },
      ...{ Queued: String(channel.queued), Delivered: String(channel.delivered) },
      ...{ Failed: String(channel.failed), Dropped: String(channel.dropped) },
      Muted: String(channel.muted),
    });
  }
  for (const alert of seen?.alerts ?? []) {
    out.row(RAISED, alert.key, {
      ...{ Rule: `${alert.rule}.`, Watch: alert.watch, Name: alert.name, Reason: alert.reason },
      ...{ Severity: alert.severity, Status: ALERT_STATES[alert.state] },
      Since: dateTimeOf(alert.sinceMs),
      ...{ Silenced: String(alert.silenced), Flapping: String(alert.flapping) },
    });
  }
}

function check(rows: RowReader, out: CheckSink): void {
  checkBehind(rows.rows(RULES).filter(isOn), out);
  for (const row of rows.rows(CHANNELS)) {
    if (!row.bool('Enable')) continue;
    checkAuthority(row, 'Authority', out);
    const type = row.text('Type');
    const schemes = SCHEMES[type] ?? [];
    const url = URL.parse(row.text('URL'));
    if (url === null || !schemes.includes(url.protocol) || url.hostname === '') {
      const wanted = schemes.map((scheme) => `${scheme}//`).join(' or ');
      out.fault(`${row.path}URL`, `it begins with ${wanted} and a host`);
    } else if (url.username !== '' || url.password !== '') {
      out.fault(`${row.path}URL`, 'user and password have parameters of their own');
    }
    if (type === 'Email' && (row.text('From') === '' || row.list('To').length === 0)) {
      out.fault(`${row.path}To`, 'mail needs From and To');
    }
    if (type === 'MQTT' && /^$|[#+\0]/.test(row.text('Topic'))) {
      out.fault(`${row.path}Topic`, 'a topic to publish to is not empty and has no # or +');
    }
  }
}

/** Rules that lie behind each other, or one behind itself, would keep each other silent for ever. */
function checkBehind(rules: readonly Row[], out: CheckSink): void {
  const behind = new Map(rules.map((row) => [row.id, behindOf(row)]));
  for (const row of rules) {
    const passed = new Set<string>();
    let at = behind.get(row.id);
    while (at !== undefined && at !== row.id && !passed.has(at)) {
      passed.add(at);
      at = behind.get(at);
    }
    if (at === row.id) {
      const message = 'it leads back to this rule, which would then never be told';
      out.fault(`${row.path}Behind`, message);
    }
  }
}

export function compileAlerts(rows: RowReader): AlertsConfig {
  const all = rows.at(ALERTS);
  const allMs = all === undefined ? 0 : silencedOf(all);
  return {
    enable: all?.bool('Enable') === true,
    rules: rows.rows(RULES).filter(isOn).map(ruleOf),
    channels: rows
      .rows(CHANNELS)
      .filter(isOn)
      .map((row) => channelOf(row, allMs)),
  };
}

/** Unix time, ms; 0: it is not. */
const silencedOf = (row: Row): number => Math.max(0, Date.parse(row.text('SilencedUntil')) || 0);

const isOn = (row: Row): boolean => row.bool('Enable');

const severityOf = (value: string) => SEVERITIES.find((one) => one === value) ?? 'Warning';

/** The rule that it lies behind, as its id. */
const behindOf = (row: Row): string | undefined =>
  row.text('Behind').replace(/\.$/, '') || undefined;

function ruleOf(row: Row): RuleConfig {
  return {
    id: row.id,
    watch: WATCHES.find((one) => one === row.text('Watch')) ?? 'Target',
    subject: row.text('Subject'),
    severity: severityOf(row.text('Severity')),
    raiseAfterMs: 1000 * row.number('RaiseAfter'),
    clearAfterMs: 1000 * row.number('ClearAfter'),
    behind: behindOf(row),
    evidence: row.bool('Evidence'),
  };
}

/** `allMs`: until then all channels are silenced. */
function channelOf(row: Row, allMs: number): ChannelConfig {
  const kind = row.text('Type');
  return {
    id: row.id,
    kind: kind === 'MQTT' || kind === 'Email' ? kind : 'Webhook',
    ...{ url: row.text('URL'), username: row.text('Username'), password: row.text('Password') },
    ...{ topic: row.text('Topic'), from: row.text('From'), to: row.list('To') },
    ...{ authority: row.text('Authority'), least: severityOf(row.text('MinimumSeverity')) },
    silencedUntilMs: Math.max(allMs, silencedOf(row)),
  };
}

/** What the model tells of a notice. */
export const ALERT_EVENT = `${ALERTS}Alert!`;
