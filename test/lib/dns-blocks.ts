/** Compiled lists without the native engine: the same face, in plain maps. */
import type {
  BlockBuilder,
  BlockBuilders,
  BlockMatch,
  RuleKind,
  RuleScope,
} from '#src/os/ports-dns.ts';
import { type DnsName, decodeName } from '#src/wire/dns-name.ts';

type Masks = { [K in `${RuleKind} ${'exact' | 'below'}`]?: bigint };

/** By name: which lists have a rule of which kind for it. What was finished last is matched against. */
export class PlainBlocks implements BlockBuilders {
  #names = new Map<string, Masks>();
  path = '';

  open(): { ok: true; value: BlockBuilder } {
    const names = new Map<string, Masks>();
    const add = (list: number, kind: RuleKind, scope: RuleScope, name: string): void => {
      const masks = names.get(name) ?? {};
      names.set(name, masks);
      for (const part of ['exact', 'below'] as const) {
        if (scope !== part && scope !== 'subtree') continue;
        masks[`${kind} ${part}`] = (masks[`${kind} ${part}`] ?? 0n) | (1n << BigInt(list));
      }
    };
    const finish: BlockBuilder['finish'] = async (path) => {
      this.#names = names;
      this.path = path;
      return { ok: true, value: { names: names.size, refused: 0, sizeBytes: 8 * names.size } };
    };
    return { ok: true, value: { add, finish, [Symbol.dispose]: () => undefined } };
  }

  match(wire: Uint8Array, mask: bigint): BlockMatch {
    const decoded = decodeName(wire, 0, 'name');
    if (!decoded.ok) throw new TypeError('not a name');
    const labels = decoded.value.name.split('.');
    const kinds = ['importantAllow', 'importantBlock', 'allow', 'block'] as const;
    const lists: Record<RuleKind, bigint> = {
      importantAllow: 0n,
      importantBlock: 0n,
      allow: 0n,
      block: 0n,
      complex: 0n,
    };
    for (let i = 0; i < labels.length; i++) {
      const masks = this.#names.get(labels.slice(i).join('.')) ?? {};
      for (const kind of [...kinds, 'complex'] as const) {
        lists[kind] |= (masks[`${kind} ${i === 0 ? 'exact' : 'below'}`] ?? 0n) & mask;
      }
    }
    const kind = kinds.find((one) => lists[one] !== 0n);
    const verdict =
      kind === undefined ? 'none' : kind.toLowerCase().includes('allow') ? 'allow' : 'block';
    return {
      verdict,
      important: kind?.startsWith('important') ?? false,
      list: kind === undefined ? undefined : lowestBit(lists[kind]),
      at: undefined,
      complex: lists.complex,
    };
  }
}

function lowestBit(mask: bigint): number {
  let bit = 0;
  while (((mask >> BigInt(bit)) & 1n) === 0n) bit += 1;
  return bit;
}

export const dnsName = (text: string): DnsName => text as DnsName;
