/** The answers of the first-run wizard as they come: shapes alone, what they are worth is the model's to say. */
import { err, ok, type Result } from '../../base/result.ts';
import type { Fault } from '../../tr181/model.ts';
import type { SetupAnswers, WanAnswer } from '../../tr181/setup.ts';

const MAX_SERVERS = 16;

type Fields = Readonly<Record<string, unknown>>;

interface SetupFault extends Fault {
  /** The answer that it is about. */
  readonly field: string;
}

export function readSetup(fields: Fields): Result<SetupAnswers, readonly SetupFault[]> {
  const faults: SetupFault[] = [];
  const complain = (field: string, message: string): void => {
    faults.push({ kind: 'badArguments', path: field, field, message });
  };
  const text = (from: Fields, name: string, field: string, fallback?: string): string => {
    const value = from[name] ?? fallback;
    if (typeof value === 'string') return value;
    complain(field, `${field} is missing`);
    return '';
  };
  const servers = (value: unknown): readonly string[] => {
    const fits =
      Array.isArray(value) &&
      value.length <= MAX_SERVERS &&
      value.every((server) => typeof server === 'string');
    if (fits) return value;
    complain('wan.dns', 'wan.dns is a list of addresses');
    return [];
  };
  const wanOf = (value: unknown): WanAnswer => {
    const wan: Fields = typeof value === 'object' && value !== null ? { ...value } : {};
    if (wan['type'] === 'static') {
      return {
        type: 'static',
        address: text(wan, 'address', 'wan.address'),
        mask: text(wan, 'mask', 'wan.mask'),
        gateway: text(wan, 'gateway', 'wan.gateway'),
        dns: servers(wan['dns'] ?? []),
      };
    }
    if (wan['type'] !== 'dhcp') complain('wan.type', 'wan.type is dhcp or static');
    return { type: 'dhcp' };
  };
  const hostName = text(fields, 'hostName', 'hostName', '');
  const answers: SetupAnswers = {
    username: text(fields, 'username', 'username', 'admin'),
    password: text(fields, 'password', 'password'),
    timeZone: text(fields, 'timeZone', 'timeZone'),
    lanAddress: text(fields, 'lanAddress', 'lanAddress'),
    lanMask: text(fields, 'lanMask', 'lanMask'),
    wan: wanOf(fields['wan']),
    ...(hostName === '' ? {} : { hostName }),
  };
  return faults.length === 0 ? ok(answers) : err(faults);
}
