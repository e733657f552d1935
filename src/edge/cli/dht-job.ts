/** A command of the DHT that takes long: how far it is, on a terminal, and its end by Ctrl-C. */
import { isObject, type JsonObject } from './bus.ts';
import { count } from './count.ts';
import { tellerOf } from './progress-line.ts';
import type { CommandResponse, Router } from './router.ts';
import type { Session } from './session.ts';

/** Between two looks; a job that nobody looks at is ended by the daemon. */
const LOOK_MS = 250;

/** As `Session.ask`, with a line of how far it is. */
export async function askInJob(
  session: Session,
  command: string,
  args: JsonObject,
): Promise<JsonObject | undefined> {
  let data: JsonObject | undefined;
  await session.withRouter(async (router) => {
    const tell = tellerOf(session);
    const { signal } = session.environment;
    const answer = await runInJob(session, router, { command, args, signal, told: tell });
    tell('');
    if (!answer.ok) return session.fail(answer.error.message);
    const { status, message } = answer.value;
    if (status === 'success') {
      data = isObject(answer.value.data) ? answer.value.data : {};
      if (signal.aborted) session.note('stopped; this is what was found');
    } else session.fail(message ?? `dht ${command} failed`);
  });
  return data;
}

interface Job {
  readonly command: string;
  readonly args: JsonObject;
  /** Ends it before its time. */
  readonly signal: AbortSignal;
  readonly told: (line: string) => void;
}

/** Runs it to its end, or to the signal: then it answers with what it has found. */
export async function runInJob(
  { environment }: Session,
  router: Router,
  { command, args, signal, told }: Job,
): Promise<Awaited<ReturnType<Router['command']>>> {
  const job = `${command} ${environment.newId()}`;
  const over = new AbortController();
  const answer = router.command('dht', command, { ...args, job }).finally(() => over.abort());
  const stop = (): void => void router.command('dht', 'stop', { job });
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  for (;;) {
    await environment.pause(LOOK_MS, over.signal);
    if (over.signal.aborted) break;
    const step = await router.command('dht', 'progress', { job });
    if (step.ok && !over.signal.aborted) told(lineOf(step.value));
  }
  signal.removeEventListener('abort', stop);
  return answer;
}

function lineOf({ data }: CommandResponse): string {
  if (!isObject(data)) return '';
  const { asked = 0, answered = 0, sharedBits, peers = 0 } = data;
  const near = typeof sharedBits === 'number' ? `, the closest shares ${sharedBits} bits` : '';
  const found = typeof peers === 'number' && peers > 0 ? `, ${count(peers, 'peer')}` : '';
  return `${String(asked)} nodes asked, ${String(answered)} answered${near}${found}`;
}
