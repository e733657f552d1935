/**
 * The owner's word about single names, for good: lines of two lists of his own, `blocked` and
 * `allowed`, so that what is said with one click can be read, changed, undone and backed up like any
 * other configuration.
 */
import { err, ok, type Result } from '../base/result.ts';
import type { Fault, Model, Origin } from '../tr181/model.ts';
import { lowerName, parseName } from '../wire/dns-name.ts';

const LISTS = 'Device.X_GATEHOUSE_DNS.List.';

export type NameWord = 'allow' | 'block' | 'forget';

/** Where each word is written down, by Alias. */
const ALIASES = { allow: 'allowed', block: 'blocked' } as const;
const EFFECTS = { allow: 'Allow', block: 'Block' } as const;

export interface NameDone {
  readonly revision: number;
}

type Parts = { readonly model: Pick<Model, 'get' | 'set' | 'add'> & { readonly revision: number } };

export class DnsNames {
  readonly #model: Parts['model'];
  /** One word after the other: each reads what the one before wrote. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ model }: Parts) {
    this.#model = model;
  }

  /** In place of what was said of the name before; holds for all below it, and for everybody. */
  say(word: NameWord, text: string, origin: Origin): Promise<Result<NameDone, readonly Fault[]>> {
    const said = this.#last.then(() => this.#say(word, text, origin));
    this.#last = said.catch(() => {});
    return said;
  }

  async #say(
    word: NameWord,
    text: string,
    origin: Origin,
  ): Promise<Result<NameDone, readonly Fault[]>> {
    const parsed = parseName(text);
    if (!parsed.ok || parsed.value === '') return err([fault(`no domain name: ${text}`)]);
    const name = lowerName(parsed.value);
    const lists = this.#lists();
    const changes = (['allow', 'block'] as const).flatMap((kind) => {
      const list = lists.get(ALIASES[kind]);
      if (list === undefined) return [];
      const others = linesOf(list.text).filter((line) => line.toLowerCase() !== name);
      const value = [...others, ...(word === kind ? [name] : [])].join('\n');
      return value === list.text ? [] : [{ path: `${list.path}Text`, value }];
    });
    if (word !== 'forget') {
      const list = lists.get(ALIASES[word]);
      if (list === undefined) return this.#add(word, name, changes, origin);
      if (!list.enabled) changes.push({ path: `${list.path}Enable`, value: 'true' });
    } else if (changes.length === 0) {
      return err([fault(`nothing was said of ${name}`)]);
    }
    if (changes.length === 0) return ok({ revision: this.#model.revision });
    const done = await this.#model.set(changes, origin);
    return done.ok ? ok({ revision: done.value.revision }) : done;
  }

  /** Somebody deleted the list. */
  async #add(
    word: 'allow' | 'block',
    name: string,
    changes: readonly { readonly path: string; readonly value: string }[],
    origin: Origin,
  ): Promise<Result<NameDone, readonly Fault[]>> {
    if (changes.length > 0) {
      const done = await this.#model.set(changes, origin);
      if (!done.ok) return done;
    }
    const values = {
      ...{ Alias: ALIASES[word], Enable: 'true', Effect: EFFECTS[word] },
      ...{ Format: 'Plain', AllGroups: 'true', Text: name },
    };
    const added = await this.#model.add(LISTS, values, origin);
    return added.ok ? ok({ revision: added.value.revision }) : added;
  }

  #lists(): ReadonlyMap<string, { path: string; text: string; enabled: boolean }> {
    const [answer] = this.#model.get([LISTS], { maxDepth: 1 });
    const rows = new Map<string, Record<string, string>>();
    for (const { path, value } of answer?.result.ok === true ? answer.result.value : []) {
      const dot = path.lastIndexOf('.') + 1;
      const row = rows.get(path.slice(0, dot)) ?? {};
      row[path.slice(dot)] = value;
      rows.set(path.slice(0, dot), row);
    }
    return new Map(
      [...rows].map(([path, row]) => [
        row['Alias'] ?? '',
        { path, text: row['Text'] ?? '', enabled: row['Enable'] === 'true' },
      ]),
    );
  }
}

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

const fault = (message: string): Fault => ({ kind: 'badArguments', path: LISTS, message });
