/** What the wizard collects, and what is wrong with it before it is sent. Pure. */
import type { Key } from '../i18n/en.ts';
import { ipv4, prefixLength } from './format.ts';
import type { SetupRequest } from './shapes.ts';

export const MIN_PASSWORD = 10;

export interface Draft {
  readonly username: string;
  readonly password: string;
  readonly again: string;
  readonly timeZone: string;
  readonly hostName: string;
  readonly lanAddress: string;
  readonly lanMask: string;
  readonly wanType: 'dhcp' | 'static';
  readonly wanAddress: string;
  readonly wanMask: string;
  readonly wanGateway: string;
  readonly wanDns: string;
}

export type Problems = Partial<Record<keyof Draft, Key>>;

export const STEPS = ['account', 'time', 'lan', 'wan', 'summary'] as const;
export type Step = (typeof STEPS)[number];

export function problemsOf(step: Step, draft: Draft): Problems {
  switch (step) {
    case 'account':
      return accountProblems(draft);
    case 'time':
      return draft.timeZone === '' ? { timeZone: 'wizard.needed' } : {};
    case 'lan':
      return {
        ...(isHostLabel(draft.hostName.trim()) ? {} : { hostName: 'wizard.hostNameFault' }),
        ...networkProblems(draft, 'lanAddress', 'lanMask'),
      };
    case 'wan':
      return draft.wanType === 'dhcp' ? {} : wanProblems(draft);
    case 'summary':
      return {};
  }
}

/** One label, as RFC 1123 §2.1 has it. */
export const isHostLabel = (text: string): boolean =>
  /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(text);

function accountProblems({ username, password, again }: Draft): Problems {
  return {
    ...(/^[a-z][a-z0-9_.@-]{0,63}$/.test(username) ? {} : { username: 'wizard.userName' }),
    ...([...password].length < MIN_PASSWORD ? { password: 'wizard.short' } : {}),
    ...(password === again ? {} : { again: 'wizard.differ' }),
  };
}

/** An address that a host may have, and a mask of ones before zeros (RFC 1122 §3.2.1.3). */
function networkProblems(
  draft: Draft,
  addressName: 'lanAddress' | 'wanAddress',
  maskName: 'lanMask' | 'wanMask',
): Problems {
  const address = ipv4(draft[addressName]);
  const length = prefixLength(draft[maskName]);
  if (address === undefined) return { [addressName]: 'problem.address' };
  if (length === undefined || length < 8 || length > 30) return { [maskName]: 'wizard.mask' };
  const hosts = 2 ** (32 - length);
  const host = address % hosts;
  const unusable =
    host === 0 || host === hosts - 1 || address < 0x01000000 || address >= 0xe0000000;
  return unusable ? { [addressName]: 'wizard.host' } : {};
}

function wanProblems(draft: Draft): Problems {
  const dns = dnsOf(draft);
  return {
    ...networkProblems(draft, 'wanAddress', 'wanMask'),
    ...(ipv4(draft.wanGateway) === undefined ? { wanGateway: 'problem.address' } : {}),
    ...(dns.length === 0 || dns.some((server) => ipv4(server) === undefined)
      ? { wanDns: 'problem.address' }
      : {}),
  };
}

const dnsOf = (draft: Draft): readonly string[] =>
  draft.wanDns.split(/[\s,;]+/).filter((item) => item !== '');

export function requestOf(draft: Draft): SetupRequest {
  return {
    username: draft.username,
    password: draft.password,
    timeZone: draft.timeZone,
    hostName: draft.hostName.trim(),
    lanAddress: draft.lanAddress.trim(),
    lanMask: draft.lanMask.trim(),
    wan:
      draft.wanType === 'dhcp'
        ? { type: 'dhcp' }
        : {
            type: 'static',
            address: draft.wanAddress.trim(),
            mask: draft.wanMask.trim(),
            gateway: draft.wanGateway.trim(),
            dns: dnsOf(draft),
          },
  };
}
