// needs root: a network namespace of its own
/** Upstreams that are dead, slow, lying, cut, or answer something else: the client has a right answer or a reason, in time. */

import { execFileSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import type { DnsConfig } from '../../src/services/dns/config.ts';
import {
  type DnsMessage,
  type DnsRecord,
  decodeMessage,
  encodeMessage,
} from '../../src/wire/dns.ts';
import { lowerName } from '../../src/wire/dns-name.ts';
import { parseRdata } from '../../src/wire/dns-rdata-text.ts';
import { EDE } from '../../src/wire/dns-registry.ts';
import { ask, DnsBox, dnsConfig, ip, upstream } from '../lib/dns-box.ts';
import { runAlone } from '../lib/netns.ts';
import { until } from '../lib/until.ts';

/** So long a stub waits at most before it asks again (glibc, musl, dig: 5 s). */
const PATIENCE_MS = 5000;

type Reply = (query: DnsMessage, bytes: Uint8Array) => readonly Uint8Array[] | undefined;

const rdataOf = (type: number, text: string): Uint8Array => {
  const rdata = parseRdata(type, text);
  if (!rdata.ok) throw new Error(text);
  return rdata.value;
};
const address = (query: DnsMessage, text: string): DnsRecord => ({
  ...{ name: query.questions[0]?.name ?? ('' as DnsRecord['name']), type: 1, class: 1, ttl: 60 },
  rdata: rdataOf(1, text),
});
const answerTo = (query: DnsMessage, change: Partial<DnsMessage> = {}): Uint8Array =>
  encodeMessage({
    ...query,
    ...{ response: true, recursionAvailable: true, edns: undefined },
    answers: [address(query, '192.0.2.1')],
    ...change,
  });

/** A resolver whose mood the test sets. */
class Moody implements AsyncDisposable {
  readonly udp: Socket;
  readonly tcp: Server;
  /** Undefined: silence. */
  reply: Reply = (query) => [answerTo(query)];
  tcpReply: Reply = (query) => [answerTo(query)];
  delayMs = 0;
  asked = 0;
  askedTcp = 0;

  constructor() {
    this.udp = createSocket('udp4');
    this.udp.on('message', (bytes, from) => {
      this.asked++;
      const query = decodeMessage(bytes);
      if (!query.ok) return;
      const send = (): void => {
        for (const answer of this.reply(query.value, bytes) ?? []) {
          this.udp.send(answer, from.port, from.address);
        }
      };
      if (this.delayMs === 0) send();
      else setTimeout(send, this.delayMs);
    });
    this.tcp = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        this.askedTcp++;
        const query = decodeMessage(chunk.subarray(2));
        if (!query.ok) return;
        for (const answer of this.tcpReply(query.value, chunk.subarray(2)) ?? []) {
          socket.write(Buffer.concat([Buffer.of(answer.length >> 8, answer.length & 255), answer]));
        }
      });
    });
  }

  async listen(host: string): Promise<this> {
    this.udp.bind(53, host);
    this.tcp.listen(53, host);
    await Promise.all([once(this.udp, 'listening'), once(this.tcp, 'listening')]);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.udp.close();
    this.tcp.close();
  }
}

const up = (...hosts: string[]): Partial<DnsConfig> => ({
  upstreams: hosts.map((host) => upstream(host)),
});

let names = 0;
/** Never asked before. */
const fresh = (): string => `name${names++}.example`;

runAlone(t, 'upstreams', import.meta.url, () => {
  t.setTimeout(290_000);
  execFileSync('ip', ['link', 'set', 'lo', 'up']);

  t.test('moods', { timeout: 290_000 }, async (t) => {
    await using good = await new Moody().listen('127.0.0.2');
    await using bad = await new Moody().listen('127.0.0.3');
    await using box = new DnsBox();
    t.same(await box.service.apply(dnsConfig(up('127.0.0.3'))), []);

    const failing: readonly (readonly [string, Reply, number])[] = [
      ['silent', () => undefined, EDE.NETWORK_ERROR],
      [
        'SERVFAIL',
        (query) => [answerTo(query, { rcode: 2, answers: [] })],
        EDE.NO_REACHABLE_AUTHORITY,
      ],
      [
        'REFUSED',
        (query) => [answerTo(query, { rcode: 5, answers: [] })],
        EDE.NO_REACHABLE_AUTHORITY,
      ],
      ['wrong id', (query) => [answerTo(query, { id: query.id ^ 1 })], EDE.NETWORK_ERROR],
      [
        'wrong question',
        (query) => [
          answerTo(query, {
            questions: [{ ...query.questions[0], name: 'other.example' } as never],
          }),
        ],
        EDE.NETWORK_ERROR,
      ],
      [
        'wrong type',
        (query) => [answerTo(query, { questions: [{ ...query.questions[0], type: 28 } as never] })],
        EDE.NETWORK_ERROR,
      ],
      [
        'no answer but a query',
        (query) => [answerTo(query, { response: false })],
        EDE.NETWORK_ERROR,
      ],
      ['rubbish', () => [Uint8Array.from({ length: 40 }, (_, i) => i * 7)], EDE.NETWORK_ERROR],
      ['empty', () => [new Uint8Array(0)], EDE.NETWORK_ERROR],
      ['broken inside', (query) => [answerTo(query).slice(0, -3)], EDE.NETWORK_ERROR],
      [
        'a referral',
        (query) => [answerTo(query, { recursionAvailable: false, answers: [] })],
        EDE.NO_REACHABLE_AUTHORITY,
      ],
      [
        'aliases in a circle',
        (query) => {
          const [question] = query.questions;
          const name = question?.name ?? ('' as never);
          return [
            answerTo(query, {
              answers: [
                { name, type: 5, class: 1, ttl: 60, rdata: rdataOf(5, 'round.example.') },
                {
                  name: 'round.example' as never,
                  type: 5,
                  class: 1,
                  ttl: 60,
                  rdata: rdataOf(5, `${lowerName(name)}.`),
                },
              ],
            }),
          ];
        },
        EDE.INVALID_DATA,
      ],
    ];
    for (const [mood, reply, code] of failing) {
      bad.reply = reply;
      bad.tcpReply = () => undefined;
      await box.service.apply(dnsConfig(up('127.0.0.3')));
      const alone = await ask(fresh(), 'A');
      t.equal(alone.rcode, 'SERVFAIL', `${mood}, alone`);
      t.equal(alone.ede?.[0], code, `${mood}: ${alone.ede?.[1]}`);
      t.ok(alone.awakeMs < PATIENCE_MS, `${mood}: in ${Math.round(alone.tookMs)} ms`);
      await box.service.apply(dnsConfig(up('127.0.0.3', '127.0.0.2')));
      const both = await ask(fresh(), 'A');
      if (code === EDE.INVALID_DATA) continue;
      t.same(
        both.answers.map((line) => line.split(' ')[2]),
        ['192.0.2.1'],
        `${mood}, beside a good one`,
      );
      t.ok(both.awakeMs < 2500, `${mood}, beside a good one: in ${Math.round(both.tookMs)} ms`);
    }
    const { upstreams = [] } = box.service.observed;
    t.ok(upstreams.find(({ id }) => id === 'up-127.0.0.3')?.lastError, 'and it is told why');
    good.asked = 0;
  });

  t.test('recovery', { timeout: 290_000 }, async (t) => {
    await using one = await new Moody().listen('127.0.0.4');
    await using box = new DnsBox();
    one.reply = () => undefined;
    await box.service.apply(dnsConfig(up('127.0.0.4')));
    await Promise.all([ask(fresh(), 'A'), ask(fresh(), 'A'), ask(fresh(), 'A')]);
    t.equal(box.service.observed.upstreams[0]?.state, 'down');
    one.reply = (query) => [answerTo(query)];
    const again = await ask(fresh(), 'A');
    t.equal(again.rcode, 'NOERROR');
    t.ok(again.awakeMs < 5000, 'within five seconds');
    t.equal(box.service.observed.upstreams[0]?.state, 'up');
  });

  t.test('cut answers go on by TCP; whoever does not keep the case is asked by TCP', async (t) => {
    await using one = await new Moody().listen('127.0.0.5');
    await using box = new DnsBox();
    await box.service.apply(dnsConfig(up('127.0.0.5')));
    one.reply = (query) => [answerTo(query, { truncated: true, answers: [] })];
    one.tcpReply = (query) => [
      answerTo(query, {
        answers: Array.from({ length: 40 }, (_, i) => address(query, `192.0.2.${i}`)),
      }),
    ];
    const name = fresh();
    const udp = await ask(name, 'A', { edns: null });
    t.ok(udp.message.truncated, 'what does not fit is cut for the client, too');
    const tcp = await ask(name, 'A', { tcp: true });
    t.equal(tcp.answers.length, 40);
    one.reply = (query) => [
      answerTo(query, {
        questions: query.questions.map((q) => ({ ...q, name: lowerName(q.name) })),
      }),
    ];
    one.tcpReply = (query) => [answerTo(query, { answers: [address(query, '192.0.2.99')] })];
    const folded = await ask('abcdefghijklmnopqrstuvwxyz.example', 'A');
    t.same(folded.answers, ['abcdefghijklmnopqrstuvwxyz.example A 192.0.2.99']);
    one.tcpReply = (query) => [answerTo(query, { truncated: true })];
    t.equal(
      (await ask('zyxwvutsrqponmlkjihgfedcba.example', 'A')).rcode,
      'SERVFAIL',
      'cut by TCP, too',
    );
  });

  t.test('one that knows no EDNS', async (t) => {
    await using one = await new Moody().listen('127.0.0.6');
    await using box = new DnsBox();
    await box.service.apply(dnsConfig(up('127.0.0.6')));
    one.reply = (query, bytes) =>
      query.edns === undefined
        ? [answerTo(query)]
        : [Uint8Array.of(...bytes.subarray(0, 2), 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0)];
    t.equal((await ask(fresh(), 'A')).rcode, 'NOERROR');
  });

  t.test(
    'old answers rather than none, and new ones as soon as there are',
    { timeout: 290_000 },
    async (t) => {
      await using one = await new Moody().listen('127.0.0.7');
      await using box = new DnsBox();
      await box.service.apply(dnsConfig(up('127.0.0.7')));
      one.reply = (query) => [
        answerTo(query, { answers: [{ ...address(query, '192.0.2.7'), ttl: 1 }] }),
      ];
      const name = fresh();
      t.equal((await ask(name, 'A')).rcode, 'NOERROR');
      one.reply = () => undefined;
      await pause(1200);
      const first = await ask(name, 'A');
      t.same(first.answers, [`${name} A 192.0.2.7`]);
      t.equal(first.ede?.[0], EDE.STALE_ANSWER);
      t.equal(first.message.answers[0]?.ttl, 30);
      t.ok(first.awakeMs < 2500, `after ${Math.round(first.tookMs)} ms`);
      one.reply = (query) => [answerTo(query, { answers: [address(query, '192.0.2.8')] })];
      await until('there is a new one', async () => {
        const now = await ask(name, 'A');
        return now.answers.join() === `${name} A 192.0.2.8`;
      });
      t.ok(box.service.observed.counts.staleAnswers > 0);
    },
  );

  t.test('one question is under way once, whoever asks', async (t) => {
    await using one = await new Moody().listen('127.0.0.8');
    await using box = new DnsBox();
    await box.service.apply(dnsConfig(up('127.0.0.8')));
    one.delayMs = 100;
    const name = fresh();
    const all = await Promise.all(Array.from({ length: 50 }, () => ask(name, 'A')));
    t.ok(all.every(({ rcode }) => rcode === 'NOERROR'));
    // Where the answer is late it is asked for again, but not once for each of them.
    t.ok(one.asked < 10, `${one.asked} questions`);
    t.ok(box.service.observed.counts.joined > 0, 'others waited for it');
  });

  t.test(
    'names go where the owner sent them; private addresses come from there alone',
    async (t) => {
      await using inside = await new Moody().listen('127.0.0.9');
      await using outside = await new Moody().listen('127.0.0.10');
      await using box = new DnsBox();
      await box.service.apply(
        dnsConfig({
          upstreams: [
            upstream('127.0.0.9', { domains: ['corp.example' as never] }),
            upstream('127.0.0.10'),
          ],
        }),
      );
      for (const host of [inside, outside]) {
        host.reply = (query) => [answerTo(query, { answers: [address(query, '10.0.0.1')] })];
      }
      t.same((await ask('www.corp.example', 'A')).answers, ['www.corp.example A 10.0.0.1']);
      t.equal(outside.asked, 0);
      const rebinding = await ask('evil.example', 'A');
      t.same(rebinding.answers, []);
      t.equal(rebinding.ede?.[0], EDE.FILTERED);
      t.equal(inside.asked, 1);
      t.equal(box.service.observed.counts.rebindRefused, 1);
    },
  );

  t.test('of an answer, only what was asked for is kept', async (t) => {
    await using one = await new Moody().listen('127.0.0.11');
    await using box = new DnsBox();
    await box.service.apply(dnsConfig(up('127.0.0.11')));
    const poison = {
      name: 'bank.example' as never,
      type: 1,
      class: 1,
      ttl: 600,
      rdata: rdataOf(1, '192.0.2.66'),
    };
    one.reply = (query) => [
      answerTo(query, {
        answers: [address(query, '192.0.2.1'), poison],
        authorities: [{ ...poison, type: 2, rdata: rdataOf(2, 'ns.evil.') }],
        additionals: [poison],
      }),
    ];
    const said = await ask(fresh(), 'A');
    t.equal(said.answers.length, 1);
    t.same([said.message.authorities.length, said.message.additionals.length], [0, 0]);
    one.reply = (query) => [answerTo(query, { answers: [address(query, '192.0.2.2')] })];
    t.same(
      (await ask('bank.example', 'A')).answers,
      ['bank.example A 192.0.2.2'],
      'nothing was remembered of it',
    );
  });

  t.test(
    'what is asked for near its end is fetched anew; all is kept over a restart',
    async (t) => {
      await using one = await new Moody().listen('127.0.0.12');
      const folder = mkdtempSync(join(tmpdir(), 'gh-dns-cache-'));
      t.teardown(() => rmSync(folder, { recursive: true, force: true }));
      const cachePath = join(folder, 'cache');
      const config = (): DnsConfig => {
        const plain = dnsConfig(up('127.0.0.12'));
        return { ...plain, cache: { ...plain.cache, prefetch: true } };
      };
      const [short, long] = [fresh(), fresh()];
      one.reply = (query) => [
        answerTo(query, {
          answers: [
            {
              ...address(query, '192.0.2.1'),
              ttl: query.questions[0]?.name.toLowerCase() === short ? 10 : 600,
            },
          ],
        }),
      ];
      {
        await using box = new DnsBox({ cachePath });
        await box.service.apply(config());
        await ask(short, 'A');
        await ask(long, 'A');
        await pause(9300);
        const near = await ask(short, 'A');
        t.ok((near.message.answers[0]?.ttl ?? 9) <= 1, 'the old one, at once');
        await until('it is fetched anew', async () => {
          return ((await ask(short, 'A')).message.answers[0]?.ttl ?? 0) > 5;
        });
        t.ok(one.asked >= 3);
      }
      const before = one.asked;
      one.reply = () => undefined;
      await using next = new DnsBox({ cachePath });
      await next.service.apply(config());
      const kept = await ask(long, 'A');
      t.same(kept.answers, [`${long} A 192.0.2.1`]);
      const [{ ttl = 0 } = {}] = kept.message.answers;
      t.ok(ttl > 500 && ttl < 600, `aged meanwhile: ${ttl}`);
      t.equal(one.asked, before, 'nobody was asked for it');
    },
  );

  t.test('names of local. by multicast', async (t) => {
    execFileSync('ip', ['link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1']);
    execFileSync('ip', ['link', 'set', 'lan1', 'up']);
    execFileSync('ip', ['link', 'set', 'lan0', 'up']);
    execFileSync('ip', ['address', 'add', '192.168.77.1/24', 'dev', 'lan0']);
    const television = createSocket({ type: 'udp4', reuseAddr: true });
    t.teardown(() => television.close());
    let asked = 0;
    television.on('message', (bytes, from) => {
      const query = decodeMessage(bytes);
      const [question] = query.ok ? query.value.questions : [];
      if (!query.ok || question?.name !== 'tv.local' || question.type !== 1) return;
      asked++;
      const record = { ...address(query.value, '192.168.77.9'), class: 0x8001, ttl: 4500 };
      television.send(
        answerTo(query.value, { authoritative: true, answers: [record] }),
        from.port,
        from.address,
      );
    });
    television.bind(5353);
    await once(television, 'listening');
    television.addMembership('224.0.0.251', '192.168.77.1');
    await using box = new DnsBox({
      addressesOf: (ifName) =>
        ifName === 'lan0' ? [{ address: ip('192.168.77.1'), scopeId: 0 }] : [],
    });
    const plain = dnsConfig();
    const config = (mdns: boolean): DnsConfig => ({
      ...plain,
      listen: { ...plain.listen, interfaces: ['lan0'] },
      local: { ...plain.local, mdns },
    });
    await box.service.apply(config(true));
    const said = await ask('tv.local', 'A');
    t.same(said.answers, ['tv.local A 192.168.77.9']);
    t.equal(said.message.answers[0]?.ttl, 120, 'not for longer than two minutes');
    await ask('TV.local', 'A');
    t.equal(asked, 1, 'and it is remembered');
    const nobody = await ask('nobody.local', 'A');
    t.same(nobody.answers, []);
    t.ok(nobody.awakeMs < 2000);
    await box.service.apply(config(false));
    box.service.engine?.cache.flush();
    t.equal((await ask('tv.local', 'A')).rcode, 'NXDOMAIN', 'unless it is off');
    t.equal(asked, 1);
  });
});
