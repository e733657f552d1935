/** Ways to a collector of syslog. Types only. */
import type { SystemError } from '../base/errors.ts';

export interface SyslogTo {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'UDP' | 'TCP' | 'TLS';
  /** TLS: certificates in PEM that the collector's must come from; empty: those that the system trusts. */
  readonly authority: string;
}

export interface SyslogWay extends Disposable {
  /** False: no more until `ready` is heard again. */
  send(bytes: Uint8Array): boolean;
}

export interface SyslogHeard {
  /** It can send, again. */
  ready(): void;
  /** It is of no use any more; heard once, and never after it was disposed of. */
  ended(error: SystemError): void;
}

export interface SyslogWays {
  open(to: SyslogTo, heard: SyslogHeard): SyslogWay;
}
