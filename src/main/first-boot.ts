/**
 * `gatehouse first-boot --card DIR --config FILE --ssh DIR [--wan IF] [--lan IF,…] [--wifi IF] [--user NAME]`: run by
 * the box's own init as root, once, before the daemon's first start. Nothing of the card is ever executed.
 */
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorMessage, type SystemError } from '../base/errors.ts';
import { escapeControls } from '../base/text.ts';
import { hashPassword } from '../control/accounts.ts';
import {
  CARD_FILES,
  type CardFault,
  configText,
  errorsText,
  type FirstBoot,
  firstBoot,
  OWN_FILE,
} from '../control/first-boot.ts';
import type { ProcessConfig } from '../control/process-config.ts';
import { LinuxDirectories, LinuxFiles } from '../os/linux/files.ts';
import { loadNative } from '../os/linux/native.ts';
import { findUser } from '../os/linux/privileges.ts';
import { LinuxSecrets } from '../os/linux/secrets.ts';
import { openStore } from '../os/linux/store.ts';
import { layDownInitial } from '../tr181/initial.ts';
import { offlineModel } from './offline-model.ts';

const MAX_FILE_BYTES = 256 * 1024;
const ERRORS_FILE = 'gatehouse-errors.txt';

interface Options {
  readonly card: string;
  readonly config: string;
  /** Home of the user that SSH is for. */
  readonly ssh: string;
  readonly ports: ProcessConfig['interfaces'];
  /** Who may read the configuration besides root. */
  readonly user: string;
}

/** Exit code; 1 when nothing could be prepared. */
export async function runFirstBoot(
  args: readonly string[],
  nativePath: string,
  say: (text: string) => void,
): Promise<number> {
  const options = optionsOf(args);
  if (options === undefined) {
    say(
      'usage: gatehouse first-boot --card DIR --config FILE --ssh DIR [--wan IF] [--lan IF,…] [--wifi IF] [--user NAME]',
    );
    return 2;
  }
  try {
    await prepare(options, new LinuxSecrets(loadNative(nativePath)), (text) =>
      say(escapeControls(text)),
    );
    return 0;
  } catch (thrown) {
    say(escapeControls(errorMessage(thrown)));
    return 1;
  }
}

function optionsOf(args: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        card: text,
        config: text,
        ssh: text,
        wan: text,
        lan: text,
        wifi: text,
        user: text,
      },
    });
    const { card, config, ssh, wan, lan = '', wifi, user = 'gatehouse' } = values;
    if (!card || !config || !ssh) return undefined;
    return {
      card,
      config,
      ssh,
      ports: { wan, lan: lan.split(',').filter((name) => name !== ''), wifi },
      user,
    };
  } catch {
    // parseArgs throws for what it does not know.
    return undefined;
  }
}

async function prepare(
  { card, config: configPath, ssh, ports, user }: Options,
  secrets: LinuxSecrets,
  say: (text: string) => void,
): Promise<void> {
  const faults: CardFault[] = [];
  const files = readCard(card, faults);
  let boot = firstBoot(files, ports);
  const rowFaults = boot.kept.has(OWN_FILE) ? await refused(boot.config) : [];
  if (rowFaults.length > 0) {
    faults.push(...rowFaults.map((message) => ({ file: OWN_FILE, message })));
    files.delete(OWN_FILE);
    boot = firstBoot(files, ports);
  }
  faults.push(...boot.faults);
  const account = await accountOf(boot, secrets, faults);
  // What is to take its place once the rows are laid down: nothing in it is a secret.
  const later = { ...boot.config, rows: {}, account: undefined };
  writeConfig(`${configPath}.later`, configText(later), user);
  writeConfig(configPath, configText({ ...boot.config, account }), user);
  letIn(ssh, boot.sshKeys, say);
  if (boot.wifi !== undefined) say(`the Wi-Fi "${boot.wifi}" is joined`);
  tidyCard(card, boot.kept, faults);
  for (const file of boot.kept.keys()) say(`${file} of the card was applied`);
  for (const { file, message } of faults) say(`${file} of the card: ${message}`);
}

function readCard(card: string, faults: CardFault[]): Map<string, string> {
  const files = new Map<string, string>();
  const directories = new LinuxDirectories();
  for (const file of CARD_FILES) {
    const read = directories.read(join(card, file), MAX_FILE_BYTES);
    if (read.ok) files.set(file, new TextDecoder().decode(read.value));
    else if (read.error.code !== 'ENOENT') faults.push({ file, message: read.error.message });
  }
  return files;
}

/** The first account with a hash that this box can check; undefined with a fault where there is none. */
async function accountOf(
  { config: { account }, password }: FirstBoot,
  secrets: LinuxSecrets,
  faults: CardFault[],
): Promise<ProcessConfig['account']> {
  if (password !== undefined) {
    const hash = await hashPassword(secrets, password.password);
    if (hash.ok) return { username: password.username, passwordHash: hash.value };
    faults.push({ file: 'user', message: hash.error.message });
  }
  if (account === undefined || account.passwordHash.startsWith('$argon2id$')) return account;
  const tried = await secrets.cryptMatches('', account.passwordHash);
  if (tried.ok) return account;
  const message = `the password of ${account.username} is hashed in a way that this box cannot check; set one on the page`;
  faults.push({ file: 'user', message });
  return undefined;
}

/** What the model has against the configuration, found out in a store that is thrown away: the daemon would not start with it. */
async function refused({ interfaces, rows, account }: ProcessConfig): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-first-'));
  try {
    const opened = await openStore(directory);
    if (!opened.ok) throw opened.error;
    await using store = opened.value;
    const { model } = offlineModel(store, new LinuxSecrets(), { audit: async () => {} });
    using _model = model;
    const laid = await layDownInitial(model, { ...interfaces, overrides: rows, account });
    return laid.ok ? [] : laid.error.map(({ message }) => message);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function must(done: { readonly ok: boolean; readonly error?: SystemError }): void {
  if (!done.ok) throw done.error;
}

/** Root's own; the daemon may read it. */
function writeConfig(path: string, text: string, userName: string): void {
  const files = new LinuxFiles();
  must(files.writeAtomic(path, text, 0o600));
  const user = findUser(files, userName);
  if (!user.ok) throw user.error;
  chownSync(path, 0, user.value.gid);
  chmodSync(path, 0o640);
}

/** Whose keys SSH takes (sshd(8), authorized_keys). They are root's: who comes in by one adds no other. */
function letIn(home: string, keys: readonly string[], say: (text: string) => void): void {
  if (keys.length === 0) return;
  const folder = join(home, '.ssh');
  for (const path of [home, folder]) must(new LinuxDirectories().make(path, 0o755));
  must(
    new LinuxFiles().writeAtomic(join(folder, 'authorized_keys'), `${keys.join('\n')}\n`, 0o644),
  );
  say(
    `SSH is on for ${keys.length === 1 ? 'one key' : `${keys.length} keys`}, from the LAN, as user admin`,
  );
}

/** What was applied is left without its secrets, under another name. */
function tidyCard(card: string, kept: ReadonlyMap<string, string>, faults: CardFault[]): void {
  const files = new LinuxFiles();
  const directories = new LinuxDirectories();
  for (const [file, text] of kept) {
    const written = files.writeAtomic(join(card, `${file}.applied`), text, 0o600);
    // Secrets on the card are worse than no record of what was applied.
    const removed = directories.remove(join(card, file));
    for (const done of [written, removed]) {
      if (!done.ok) faults.push({ file, message: done.error.message });
    }
  }
  const text = errorsText(faults);
  if (text === '') directories.remove(join(card, ERRORS_FILE));
  else files.writeAtomic(join(card, ERRORS_FILE), text, 0o600);
}
