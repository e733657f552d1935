/**
 * The ceiling of our way: frames to JavaScript and back, with no policy, no table and no disk. Each
 * MAC of flood.c has an address of its own by its number; the answer is one template with its few
 * fields filled in.
 *
 *     node bare-child.ts IFINDEX
 */
import { LinuxFramePorts } from '../../../src/os/linux/frames.ts';
import { loadNative, Reactor } from '../../../src/os/linux/native.ts';

const ANSWER_BYTES = 342;
const OPTIONS = 14 + 20 + 8 + 240;
const SERVER = [10, 0, 0, 1];

const reactor = new Reactor(loadNative(), { leads: true });
const answer = new Uint8Array(ANSWER_BYTES);
const view = new DataView(answer.buffer);
answer.set([0x02, 0, 0, 0, 0, 1], 6);
answer.set([8, 0, 0x45, 0, (ANSWER_BYTES - 14) >> 8, (ANSWER_BYTES - 14) & 255], 12);
answer.set([64, 17], 22);
answer.set(SERVER, 26);
answer.set([0, 67, 0, 68, (ANSWER_BYTES - 34) >> 8, (ANSWER_BYTES - 34) & 255], 34);
answer.set([2, 1, 6], 42);
answer.set([0x63, 0x82, 0x53, 0x63], OPTIONS - 4);
answer.set(
  [53, 1, 0, 54, 4, ...SERVER, 51, 4, 0, 0, 14, 16, 1, 4, 255, 0, 0, 0, 3, 4, ...SERVER, 255],
  OPTIONS,
);

function sum(from: number, to: number, start: number): number {
  let total = start;
  for (let i = from; i < to; i += 2) total += view.getUint16(i);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

function messageType(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + OPTIONS; at + 2 < end; ) {
    const code = bytes[at] ?? 255;
    if (code === 255) return 0;
    if (code === 53) return bytes[at + 2] ?? 0;
    at += code === 0 ? 1 : 2 + (bytes[at + 1] ?? 0);
  }
  return 0;
}

const opened = new LinuxFramePorts(reactor).open(Number(process.argv[2]), 'dhcp4', {
  frame(bytes, start, end) {
    const type = messageType(bytes, start, end);
    if (type !== 1 && type !== 3) return;
    for (let i = 0; i < 6; i++) {
      answer[i] = bytes[start + 6 + i] ?? 0;
      answer[70 + i] = bytes[start + 70 + i] ?? 0;
    }
    for (let i = 46; i < 50; i++) answer[i] = bytes[start + i] ?? 0;
    const high = 10 * 256 + (bytes[start + 73] ?? 0);
    const low = (bytes[start + 74] ?? 0) * 256 + (bytes[start + 75] ?? 0);
    view.setUint32(30, high * 65536 + low);
    view.setUint32(58, high * 65536 + low);
    answer[OPTIONS + 2] = type === 1 ? 2 : 5;
    view.setUint16(24, 0);
    view.setUint16(24, ~sum(14, 34, 0) & 0xffff);
    view.setUint16(40, 0);
    view.setUint16(40, ~sum(34, ANSWER_BYTES, sum(26, 34, 17 + ANSWER_BYTES - 34)) & 0xffff);
    port.send(answer, 0, ANSWER_BYTES);
  },
});
if (!opened.ok) throw opened.error;
const port = opened.value;
process.stdout.write('ready\n');
process.once('SIGTERM', async () => {
  process.stdout.write(`${port.dropped} dropped, ${port.unsent} unsent, ${port.broken} broken\n`);
  await port[Symbol.asyncDispose]();
  await reactor[Symbol.asyncDispose]();
  process.exit();
});
