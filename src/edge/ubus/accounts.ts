/** Names of users and groups, from the text of /etc/passwd and /etc/group (passwd(5), group(5)). */
export interface Accounts {
  userName(uid: number): string | undefined;
  groupName(gid: number): string | undefined;
  uidOf(user: string): number | undefined;
  gidOf(group: string): number | undefined;
}

/** Lines that are not of the format are left out; the first of equal names or numbers counts. */
export function parseAccounts(passwd: string, group: string): Accounts {
  const users = parse(passwd);
  const groups = parse(group);
  return {
    userName: (uid) => users.names.get(uid),
    groupName: (gid) => groups.names.get(gid),
    uidOf: (user) => users.numbers.get(user),
    gidOf: (name) => groups.numbers.get(name),
  };
}

function parse(text: string): { names: Map<number, string>; numbers: Map<string, number> } {
  const names = new Map<number, string>();
  const numbers = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':');
    if (!name || number === undefined || !/^\d{1,10}$/.test(number)) continue;
    const id = Number(number);
    if (!names.has(id)) names.set(id, name);
    if (!numbers.has(name)) numbers.set(name, id);
  }
  return { names, numbers };
}

/** `Groups:` of /proc/PID/status (proc_pid_status(5)): at most 64, as ubusd takes them. */
export function supplementaryGroups(status: string): readonly number[] {
  const line = /^Groups:(.*)$/m.exec(status)?.[1] ?? '';
  return line
    .split(/\s+/)
    .filter((word) => /^\d{1,10}$/.test(word))
    .slice(0, 64)
    .map(Number);
}
