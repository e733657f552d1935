import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { toHex } from '../../src/base/bytes.ts';
import { encodePcapHeader, encodePcapRecord } from '../../src/wire/pcap.ts';

/** An ARP request of 192.0.2.1 for 192.0.2.2. */
const ARP = Uint8Array.from(
  Buffer.from(
    `ffffffffffff0200000000010806${'0001080006040001020000000001c0000201000000000000c0000202'}`,
    'hex',
  ),
);

t.test('bytes as the draft draws them', async (t) => {
  t.equal(toHex(encodePcapHeader()), 'a1b2c3d40002000400000000000000000000ffff00000001');
  t.equal(
    toHex(encodePcapRecord(1_767_225_600_123, Uint8Array.of(1, 2, 3))),
    `${(1_767_225_600).toString(16)}0001e078${'00000003'.repeat(2)}010203`,
  );
});

t.test('a frame that is too long is cut, and its length is told', async (t) => {
  const record = encodePcapRecord(0, new Uint8Array(70_000));
  t.equal(record.byteLength, 16 + 65_535);
  t.equal(new DataView(record.buffer).getUint32(12), 70_000);
});

const tcpdump = spawnSync('tcpdump', ['--version']).error === undefined;
t.test('tcpdump reads it', { skip: tcpdump ? false : 'no tcpdump here' }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-pcap-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'a.pcap');
  writeFileSync(path, Buffer.concat([encodePcapHeader(), encodePcapRecord(1000, ARP)]));
  const read = spawnSync('tcpdump', ['-n', '-tt', '-r', path], { encoding: 'utf8' });
  t.match(read.stdout, /^1\.000000 ARP, Request who-has 192\.0\.2\.2 tell 192\.0\.2\.1/);
});
