/** Messages of syslog (RFC 5424), and their frame on a stream (RFC 6587 §3.4.1, RFC 5425 §4.3). */
import { escapeControls } from '../base/text.ts';
import { encodeUtf8, utf8Bound } from './utf8.ts';

export const FACILITIES = [
  ...[
    'kern',
    'user',
    'mail',
    'daemon',
    'auth',
    'syslog',
    'lpr',
    'news',
    'uucp',
    'cron',
    'authpriv',
  ],
  ...['ftp', 'ntp', 'audit', 'alert', 'clock'],
  ...['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
] as const;

/** RFC 5424 §6.2.1. */
export const SEVERITY = { critical: 2, error: 3, warning: 4, informational: 6, debug: 7 } as const;

export interface SyslogMessage {
  /** 0 to 23, the place in `FACILITIES`. */
  readonly facility: number;
  /** 0 to 7. */
  readonly severity: number;
  /** RFC 3339, in UTC; empty where it is not known. */
  readonly time: string;
  readonly hostName: string;
  readonly appName: string;
  readonly procId: string;
  /** What kind of message it is. */
  readonly msgId: string;
  /** Control characters are escaped. */
  readonly text: string;
}

/** A field of the header: printable ASCII, cut to its length, or a hyphen for none. */
const field = (text: string, max: number): string =>
  text.replace(/[^!-~]/g, '').slice(0, max) || '-';

/** At most `maxBytes`; what does not fit is cut between two characters. */
export function encodeSyslog(message: SyslogMessage, maxBytes: number): Uint8Array {
  const { facility, severity, time, hostName, appName, procId, msgId, text } = message;
  const head = [
    `<${facility * 8 + severity}>1`,
    field(time, 32),
    field(hostName, 255),
    field(appName, 48),
    field(procId, 128),
    field(msgId, 32),
    '-',
  ].join(' ');
  // The byte order mark says that the text is UTF-8 (§6.4).
  const whole = `${head} \ufeff${escapeControls(text.toWellFormed())}`;
  const bytes = new Uint8Array(utf8Bound(whole));
  const length = encodeUtf8(whole, bytes, 0);
  if (length <= maxBytes) return bytes.subarray(0, length);
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** The message with its length before it. */
export function frameSyslog(message: Uint8Array): Uint8Array {
  const length = Array.from(`${message.length} `, (digit) => digit.charCodeAt(0));
  const framed = new Uint8Array(length.length + message.length);
  framed.set(length);
  framed.set(message, length.length);
  return framed;
}
