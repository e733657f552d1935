// needs root: a network namespace of its own
/** A million forged answers from the right address: none is accepted. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ask, DnsBox, dnsConfig, upstream } from '../lib/dns-box.ts';
import { runAlone } from '../lib/netns.ts';
import { Serving } from '../lib/signed-zones.ts';

const WANTED = 1_000_000;
const CHILD = fileURLToPath(new URL('dns-forger-child.ts', import.meta.url));

runAlone(t, 'forged answers', import.meta.url, () => {
  t.setTimeout(290_000);
  t.test('none of a million is accepted', { timeout: 290_000 }, async (t) => {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    await using forger = new Serving(process.execPath, CHILD, '127.0.0.2', '40000');
    const sent = (): number => Number(forger.said.trim().split('\n').at(-1) || 0);
    await using box = new DnsBox();
    await box.service.apply(dnsConfig({ upstreams: [upstream('127.0.0.2')] }));
    const end = performance.now() + 200_000;
    let asked = 0;
    const accepted: string[] = [];
    while (sent() < WANTED && performance.now() < end) {
      const said = await ask(`victim-of-forgery-${asked++}.example`, 'A', { timeoutMs: 6000 });
      accepted.push(...said.answers);
      if (said.rcode !== 'SERVFAIL') t.fail(`${said.rcode} ${said.answers.join()}`);
    }
    t.same(accepted, []);
    t.ok(sent() >= WANTED, `${sent()} forged answers to ${asked} questions`);
    const [seen] = box.service.observed.upstreams;
    t.ok(
      (seen?.mismatches ?? 0) > asked,
      `${seen?.mismatches} reached the right port and were passed over`,
    );
    t.equal(seen?.answers, 0);
  });
});
