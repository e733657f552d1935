/** Shell completion: of commands, and of TR-181 paths asked from the running router. */
import type { Session } from './session.ts';

/** Commands whose operands are paths. */
const TAKES_PATHS: ReadonlySet<string> = new Set([
  'get',
  'set',
  'add',
  'del',
  'operate',
  'watch',
  'instances',
  'schema',
]);

const BASH = `# gatehouse completion for bash: source <(gatehouse completion bash)
_gatehouse() {
  local line="\${COMP_LINE:0:COMP_POINT}" words current
  read -ra words <<<"$line"
  [[ $line == *' ' ]] && words+=('')
  current="\${words[-1]}"
  # Bash splits words at ':' and '=' by itself; what it already has is cut off again.
  local prefix="\${current%"\${COMP_WORDS[COMP_CWORD]}"}"
  COMPREPLY=()
  while IFS= read -r word; do COMPREPLY+=("\${word#"$prefix"}"); done \\
    < <(gatehouse complete -- "\${words[@]:1}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *[.=] ]] && compopt -o nospace
}
complete -F _gatehouse gatehouse
`;

const ZSH = `#compdef gatehouse
# gatehouse completion for zsh: source <(gatehouse completion zsh)
_gatehouse() {
  local -a found
  found=("\${(@f)$(gatehouse complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -S '' -- $found
}
compdef _gatehouse gatehouse
`;

export const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH };

/** Words that can stand in place of the last of `words`, one a line. Says nothing when the router does not answer. */
export async function complete(
  session: Session,
  words: readonly string[],
  commands: readonly string[],
  below: (command: string) => readonly string[],
): Promise<void> {
  const current = words.at(-1) ?? '';
  const print = (list: Iterable<string>): void =>
    session.data([...list].map((word) => `${word}\n`).join(''));
  if (words.length <= 1) return print(commands.filter((name) => name.startsWith(current)));
  if (words.length === 2 && below(words[0] ?? '').length > 0) {
    return print(below(words[0] ?? '').filter((name) => name.startsWith(current)));
  }
  if (!TAKES_PATHS.has(words[0] ?? '') || current.includes('=')) return;
  await session.withRouter(async (router) => {
    const folder = current.slice(0, current.lastIndexOf('.') + 1);
    if (folder === '') return print('Device.'.startsWith(current) ? ['Device.'] : []);
    const wantsCommand = words[0] === 'operate';
    const [schema, instances] = await Promise.all([
      router.schema(folder, false),
      router.instances(folder, false),
    ]);
    const paths = [
      ...(schema.ok ? schema.value.rows.map(({ path }) => path) : []),
      ...(instances.ok ? instances.value.rows : []),
    ];
    print(nextNames(folder, paths, wantsCommand).filter((path) => path.startsWith(current)));
  });
}

/** The children of `folder` among supported and instantiated paths: `{i}` gives way to real numbers. */
export function nextNames(
  folder: string,
  paths: readonly string[],
  wantsCommand: boolean,
): string[] {
  const general = folder.replace(/\.\d+(?=\.)/g, '.{i}');
  const found = new Set<string>();
  for (const path of paths) {
    const base = path.startsWith(folder) ? folder : path.startsWith(general) ? general : undefined;
    if (base === undefined) continue;
    const rest = path.slice(base.length);
    const end = rest.indexOf('.');
    const name = end < 0 ? rest : rest.slice(0, end + 1);
    if (name === '' || name.startsWith('{i}') || name.endsWith('!')) continue;
    const isLeaf = end < 0 && !/^\d+$/.test(name);
    if (isLeaf && name.endsWith(')') !== wantsCommand) continue;
    found.add(folder + (/^\d+$/.test(name) ? `${name}.` : name));
  }
  return [...found].sort();
}
