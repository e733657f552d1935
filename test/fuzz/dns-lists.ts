import { ListReader } from '../../src/services/dns/lists/read-list.ts';
import type { ListFormat } from '../../src/services/dns/policy-config.ts';
import { encodeName } from '../../src/wire/dns-name.ts';

const FORMATS: readonly (ListFormat | 'auto')[] = [
  'auto',
  'hosts',
  'plain',
  'wildcard',
  'adblock',
  'dnsmasq',
  'rpz',
  'unbound',
];

/** Any bytes are rules or rejected lines, whatever the format; names of rules fit the wire; nothing leads elsewhere unasked. */
export const target = {
  name: 'dns-lists',
  run(bytes: Uint8Array): void {
    const format = FORMATS[(bytes[0] ?? 0) % FORMATS.length] ?? 'auto';
    const mayRewrite = ((bytes[0] ?? 0) & 64) !== 0;
    const reading = { format, effect: 'block', subdomains: false, mayRewrite } as const;
    let lines = 1;
    for (const byte of bytes) if (byte === 0x0a) lines += 1;
    let rules = 0;
    const reader = new ListReader(reading, (rule, line) => {
      rules += 1;
      if (line < 1 || line > lines) throw new RangeError('a line that is not there');
      const { target, rewrite, effect, conditions } = rule;
      if (target.scope !== 'pattern') encodeName(target.name);
      for (const name of conditions?.denyAllow ?? []) encodeName(name);
      if (!mayRewrite && effect === 'block' && rewrite?.kind === 'record') {
        throw new TypeError('leads elsewhere');
      }
      return undefined;
    });
    const middle = bytes.length >> 1;
    reader.push(bytes.subarray(1, Math.max(1, middle)));
    reader.push(bytes.subarray(Math.max(1, middle)));
    const counts = reader.end();
    if (counts.rules !== rules) throw new RangeError('rules that nobody took');
    if (counts.rejectedLines.length !== Math.min(100, counts.rejected)) {
      throw new RangeError('rejected lines that are not told');
    }
    for (const { reason, text } of counts.rejectedLines) {
      if (reason === '' || text.length > 120) throw new TypeError('a reason or text of no use');
    }
  },
  seeds: (): Uint8Array[] =>
    [
      '\u00000.0.0.0 a.example b.example # c\n192.0.2.1 d.example\n',
      '\u0001127.0.0.1 localhost\n::1 x.example\n',
      '\u0002a.example\n*.b.example\n',
      '\u0044||a.example^$important,client=192.0.2.1|~"x",dnstype=A,denyallow=b.a.example\n@@||c^\n/^x[0-9]{2,3}$/\n',
      '\u0004||x.example^$dnsrewrite=NOERROR;MX;5 m.example\n*$dnstype=AAAA\n|y^\n*.z\nü.example\n',
      '\u0045address=/a.example/b/#\nserver=/c.example/\ncname=a,b\nhost-record=h,192.0.2.1\n',
      '\u0046$ORIGIN z.\n@ SOA a. b. (\n1 2\n3 4 5)\na.example CNAME .\n*.b 60 IN CNAME *.\nc A 192.0.2.1\n',
      '\u0047server:\nlocal-zone: "a.example." redirect\nlocal-data: "a.example A 192.0.2.1"\n',
    ].map((text) => new TextEncoder().encode(text)),
};
