/** The hidden command that compiles lists of names: an order on standard input, counts on standard output. */
import { createReadStream } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fromHex } from '../base/bytes.ts';
import { LinuxFiles } from '../os/linux/files.ts';
import type { BlockBuilders } from '../os/ports-dns.ts';
import { type CompileSource, compileLists } from '../services/dns/lists/compile.ts';
import type { CompileAnswer, CompileOrder } from '../services/dns/lists/errand.ts';
import { encodeRule } from '../services/dns/lists/rule-text.ts';
import type { DnsName } from '../wire/dns-name.ts';

export async function fulfilCompileOrder(order: string, builders: BlockBuilders): Promise<string> {
  const asked = JSON.parse(order) as CompileOrder;
  const sources = asked.lists.map(
    (list): CompileSource => ({
      list: {
        id: list.number,
        name: list.name,
        sha256: fromHex(list.sha256) ?? new Uint8Array(32),
      },
      reading: list.reading,
      own: list.isOwn,
      read: () => bytesOf(list.path, list.text ?? ''),
    }),
  );
  const compiled = await compileLists(sources, builders, {
    key: fromHex(asked.key) ?? new Uint8Array(16),
    note: asked.note,
    path: asked.blocksPath,
    own: asked.own.map(({ name, scope }) => ({ name: name as DnsName, scope })),
  });
  if (!compiled.ok) throw compiled.error;
  const { built, lists, side } = compiled.value;
  const written = new LinuxFiles().writeAtomic(asked.sidePath, encodeRule(side), 0o600);
  if (!written.ok) throw written.error;
  const counts = lists.map(({ format, rules, rejected, rejectedLines }) => {
    return { format, rules, rejected, rejectedLines };
  });
  const answer: CompileAnswer = { names: built.names, sizeBytes: built.sizeBytes, counts };
  return JSON.stringify(answer);
}

async function* bytesOf(path: string | undefined, content: string): AsyncGenerator<Uint8Array> {
  if (path === undefined) yield new TextEncoder().encode(content);
  else yield* createReadStream(path, { highWaterMark: 256 * 1024 });
}

export async function compileListsCommand(builders: BlockBuilders): Promise<number> {
  process.stdout.write(await fulfilCompileOrder(await text(process.stdin), builders));
  return 0;
}
