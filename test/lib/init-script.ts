/** What the init script of the OpenWrt package asks procd for, told by a stand-in of procd. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
export const FILES = join(ROOT, 'openwrt/gatehouse/files');
const RC_COMMON = join(ROOT, 'test/openwrt/rc.common');

export interface Instance {
  readonly name: string;
  /** By parameter: its words. */
  readonly params: ReadonlyMap<string, readonly string[]>;
}

/** Every call that `name` made, each as its words. */
export function calls(name: string, enabled: boolean): string[][] {
  const script = join(FILES, 'gatehouse.init');
  const out = execFileSync('busybox', ['sh', RC_COMMON, script, name], {
    encoding: 'utf8',
    env: { ENABLED: enabled ? '1' : '0' },
  });
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('|'));
}

/** The instances that `start_service` opens. */
export function instances(enabled: boolean): Instance[] {
  const found: { name: string; params: Map<string, string[]> }[] = [];
  for (const [call, key = '', ...words] of calls('start_service', enabled)) {
    const open = found.at(-1)?.params;
    if (call === 'open_instance') found.push({ name: key, params: new Map() });
    else if (call === 'set_param') open?.set(key, words);
    else if (call === 'append_param') open?.set(key, [...(open.get(key) ?? []), ...words]);
  }
  return found;
}
