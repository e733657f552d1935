/** What tshark counts in a capture file, to be compared with what the engine counts. */
import { execFileSync, spawnSync } from 'node:child_process';

export const noTshark = (): string | undefined =>
  spawnSync('tshark', ['--version']).status === 0 ? undefined : 'needs tshark';

export interface TsharkFigures {
  /** Both addresses in order, such as `10.0.0.1 10.0.0.2`: packets and bytes of each conversation. */
  readonly conversations: ReadonlyMap<string, readonly [packets: number, bytes: number]>;
  /** By path, such as `eth:ip:tcp`. */
  readonly protocols: ReadonlyMap<string, readonly [packets: number, bytes: number]>;
  readonly retransmissions: number;
  /** Server names of ClientHellos. */
  readonly serverNames: ReadonlySet<string>;
  /** Times from SYN to the last ACK of the handshake in µs, sorted. */
  readonly handshakesUs: readonly number[];
}

const FIELDS = [
  'frame.len',
  'frame.protocols',
  'ip.src',
  'ip.dst',
  'ipv6.src',
  'ipv6.dst',
  'tcp.analysis.retransmission',
  'tls.handshake.extensions_server_name',
  'tcp.analysis.initial_rtt',
  'tcp.stream',
  'tcp.flags.reset',
];

/**
 * What a program of Wireshark says, apart from any runtime that this process was given before its libraries: under
 * ASan's, capinfos waits for ever for a lock of its own locale.
 */
export function wireshark(program: 'capinfos' | 'tshark', ...args: string[]): string {
  const { LD_PRELOAD: _, ...env } = process.env;
  return execFileSync(program, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * By the fields of each packet, since `-z conv,ip` rounds bytes. As its own tables do, packets are
 * counted for each IP header in them, but not for those that ICMP sends back.
 */
export function tsharkFigures(file: string): TsharkFigures {
  const { stdout, stderr, status } = spawnSync(
    'tshark',
    ['-n', '-r', file, '-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field])],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (status !== 0) throw new Error(stderr);
  const conversations = new Map<string, [number, number]>();
  const protocols = new Map<string, [number, number]>();
  const count = (map: Map<string, [number, number]>, key: string, bytes: number): void => {
    const [packets, all] = map.get(key) ?? [0, 0];
    map.set(key, [packets + 1, all + bytes]);
  };
  let retransmissions = 0;
  const serverNames = new Set<string>();
  const refused = new Set<string>();
  const handshakes = new Map<string, number>();
  for (const line of stdout.split('\n').filter((text) => text !== '')) {
    const cells = line.split('\t');
    const [length = '', tree = '', again = '', name = '', rtt = '', stream = ''] = [
      cells[0],
      cells[1],
      cells[6],
      cells[7],
      cells[8],
      cells[9],
    ];
    const bytes = Number(length);
    const layers = tree
      .split(':')
      .filter((layer) => !/^(ethertype|vlan_type|ipv6\..*)$/.test(layer));
    for (let depth = 1; depth <= layers.length; depth++)
      count(protocols, layers.slice(0, depth).join(':'), bytes);
    const error = layers.findIndex((layer) => /^icmp(v6)?$/.test(layer));
    const own = error < 0 ? layers : layers.slice(0, error);
    for (const [protocol, from, to] of [
      ['ip', cells[2], cells[3]],
      ['ipv6', cells[4], cells[5]],
    ] as const) {
      const [sources, targets] = [(from ?? '').split(','), (to ?? '').split(',')];
      for (let i = 0; i < own.filter((layer) => layer === protocol).length; i++)
        count(conversations, [sources[i] ?? '', targets[i] ?? ''].sort().join(' '), bytes);
    }
    if (again !== '') retransmissions++;
    if (name !== '') serverNames.add(name);
    if (cells[10] === '1') refused.add(stream);
    if (rtt !== '') handshakes.set(stream, Math.round(Number(rtt) * 1e6));
  }
  return {
    conversations,
    protocols,
    retransmissions,
    serverNames,
    // A connection that is refused has a time there, too.
    handshakesUs: [...handshakes]
      .flatMap(([stream, us]) => (refused.has(stream) ? [] : [us]))
      .sort((a, b) => a - b),
  };
}
