/**
 * `/ubus`, as uhttpd-mod-ubus answers: JSON-RPC `call` and `list`, alone or in a batch, calls by
 * path, lists, and subscriptions as server-sent events. Every object on the bus is reached; `session`
 * is answered here.
 */
import { Hono } from 'hono';
import type { Clock } from '../../base/clock.ts';
import type { Result } from '../../base/result.ts';
import {
  array,
  type BlobmsgField,
  type BlobmsgTable,
  type BlobmsgValue,
  field,
  int32,
  pick,
  string,
  table,
} from '../../wire/blobmsg.ts';
import { formatJson, parseJson } from '../../wire/blobmsg-json.ts';
import { statusText, UBUS_STATUS } from '../../wire/ubus.ts';
import { type Ctx, type Env, MAX_BODY_BYTES, type Parts } from './context.ts';
import type { Account } from './faces.ts';
import type { LoginRefusal } from './logins.ts';
import { callSession, sessionSignature } from './ubus-session-object.ts';
import { NOBODY, type UbusSessions } from './ubus-sessions.ts';

const RPC = {
  parse: [-32700, 'Parse error'],
  method: [-32601, 'Method not found'],
  params: [-32602, 'Invalid parameters'],
  object: [-32000, 'Object not found'],
  access: [-32002, 'Access denied'],
  timeout: [-32003, 'ubus request timed out'],
} as const;

type RpcError = keyof typeof RPC;

/** uhttpd's script_timeout. */
const CALL_TIMEOUT_MS = 60_000;
/** errno(3), as uhttpd reports a subscription that is not allowed. */
const EACCES = -13;
const MAX_BEHIND_BYTES = 256 * 1024;
const MAX_SUBSCRIPTIONS = 32;

type Login = (name: string, password: string) => Promise<Result<Account, LoginRefusal>>;

/** What a request came to: the members that follow `jsonrpc` and `id`. */
type Outcome =
  | { readonly kind: 'error'; readonly error: RpcError }
  | { readonly kind: 'called'; readonly status: number; readonly data: BlobmsgTable }
  | { readonly kind: 'listed'; readonly result: BlobmsgValue };

const failed = (error: RpcError): Outcome => ({ kind: 'error', error });

export function ubusRoutes(parts: Parts, sessions: UbusSessions): Hono<Env> {
  const { bus, logins } = parts;
  const app = new Hono<Env>();
  let subscriptions = 0;

  const json = (c: Ctx, text: string, status: 200 | 500 = 200) =>
    c.body(text, status, { 'content-type': 'application/json' });
  const loginFrom =
    (c: Ctx): Login =>
    (name, password) =>
      logins.attempt(name, password, c.env.peer.address, '/ubus');

  const call = async (
    c: Ctx,
    id: string,
    object: string,
    method: string,
    args: BlobmsgTable,
  ): Promise<Outcome> => {
    const target = object === 'session' ? 0 : await idOf(object);
    if (target === undefined) return failed('object');
    if (!sessions.allows(id, object, method)) return failed('access');
    if (args.some(({ name }) => name === 'ubus_rpc_session')) return failed('params');
    if (target === 0) {
      return { kind: 'called', ...(await callSession(sessions, loginFrom(c), id, method, args)) };
    }
    if (!sessions.looks(object, method)) {
      // On the bus the daemon itself is the caller: here it is known for whom.
      const path = `ubus call ${object} ${method}`;
      await parts.recordCall({ user: sessions.userOf(id), address: c.env.peer.address, path });
      parts.holdEffects(c.env.answered);
    }
    const given = [...args, field('ubus_rpc_session', string(id))];
    const done = await bus.callId(target, method, given, { timeoutMs: CALL_TIMEOUT_MS });
    if (done.ok) return { kind: 'called', status: UBUS_STATUS.ok, data: done.value };
    const { status } = done.error;
    return status === UBUS_STATUS.timeout
      ? failed('timeout')
      : { kind: 'called', status, data: [] };
  };

  const idOf = async (object: string): Promise<number | undefined> => {
    // The broker takes a final * for a pattern; an object's name it never is.
    if (object.includes('*')) return undefined;
    const found = await bus.lookup(object);
    return found.ok ? found.value[0]?.id : undefined;
  };

  /** Signatures of what fits, by path. */
  const signatures = async (patterns: readonly string[]): Promise<BlobmsgField[]> => {
    const all: BlobmsgField[] = [];
    for (const pattern of patterns) {
      const found = await bus.lookup(pattern);
      for (const { path, signature } of found.ok ? found.value : []) {
        all.push(field(path, table(readable(signature))));
      }
      if (prefixFits(pattern, 'session')) all.push(field('session', sessionSignature));
    }
    return all;
  };

  const list = async (params: BlobmsgValue | undefined): Promise<Outcome> => {
    if (params?.type === 'array') {
      const patterns = params.value.flatMap((p) => (p.type === 'string' ? [p.value] : []));
      return { kind: 'listed', result: table(await signatures(patterns)) };
    }
    const found = await bus.lookup('*');
    const paths = [...(found.ok ? found.value.map(({ path }) => path) : []), 'session'];
    return { kind: 'listed', result: array([...new Set(paths)].sort().map(string)) };
  };

  const handle = async (c: Ctx, request: BlobmsgValue): Promise<BlobmsgTable> => {
    const rpc = request.type === 'table' ? rpcOf(request.value) : undefined;
    const head = headOf(request);
    if (rpc === undefined) return [...head, ...members(failed('parse'), true)];
    if (rpc.method === 'list') return [...head, ...members(await list(rpc.params), true)];
    if (rpc.method !== 'call') return [...head, ...members(failed('method'), true)];
    const params = rpc.params?.type === 'array' ? rpc.params.value : [];
    const [id, object, method, args] = params;
    const whole =
      id?.type === 'string' &&
      object?.type === 'string' &&
      method?.type === 'string' &&
      args?.type === 'table';
    const outcome = whole
      ? await call(c, id.value, object.value, method.value, args.value)
      : failed('parse');
    return [...head, ...members(outcome, true)];
  };

  app.post('/', async (c) => {
    const request = await requestOf(c);
    if (request?.type === 'array') {
      const answers: string[] = [];
      // One after another, as uhttpd does: a later call may need what an earlier one did.
      for (const one of request.value) answers.push(formatJson(await handle(c, one)));
      return json(c, `[${answers.join(',')}]`);
    }
    return json(c, formatJson(await handle(c, request ?? { type: 'unspec' })));
  });

  // All that follows is the name: some have a slash.
  app.post('/call/:object{.+}', async (c) => {
    const request = await requestOf(c);
    const rpc = request?.type === 'table' ? rpcOf(request.value) : undefined;
    const head = headOf(request);
    if (rpc === undefined)
      return json(c, formatJson([...head, ...members(failed('parse'), false)]));
    const args = rpc.params?.type === 'table' ? rpc.params.value : [];
    const object = c.req.param('object');
    const outcome = await call(c, bearerOf(c), object, rpc.method, args);
    return json(c, formatJson([...head, ...members(outcome, false)]));
  });

  app.get('/list', async (c) => json(c, formatJson(await signatures(['*']))));
  app.get('/list/:pattern{.+}', async (c) => {
    const all = await signatures([c.req.param('pattern')]);
    if (all.length === 0) {
      return json(
        c,
        formatJson(problem(UBUS_STATUS.notFound, statusText(UBUS_STATUS.notFound))),
        500,
      );
    }
    // One object's methods stand by themselves.
    return json(
      c,
      formatJson(all.flatMap(({ value }) => (value.type === 'table' ? value.value : []))),
    );
  });

  app.get('/subscribe/:object{.+}', async (c) => {
    const object = c.req.param('object');
    if (!sessions.allows(bearerOf(c), object, ':subscribe')) {
      return json(c, formatJson(problem(EACCES, 'Permission denied')));
    }
    if (subscriptions >= MAX_SUBSCRIPTIONS) {
      return json(c, formatJson(problem(UBUS_STATUS.noMemory, statusText(UBUS_STATUS.noMemory))));
    }
    if ((await idOf(object)) === undefined) {
      return json(c, formatJson(problem(UBUS_STATUS.notFound, statusText(UBUS_STATUS.notFound))));
    }
    subscriptions++;
    const stream = follow(bus, parts.clock, object, () => subscriptions--);
    return c.body(stream, 200, { 'content-type': 'text/event-stream' });
  });

  app.options('*', (c) => json(c, ''));
  app.get('*', (c) => c.body(null, 404));
  app.post('*', (c) => c.body(null, 404));
  app.all('*', (c) => c.text('Bad Request', 400));
  return app;
}

/** The notifications of one object until it goes, or the reader is too slow. */
function follow(
  bus: Parts['bus'],
  clock: Clock,
  object: string,
  left: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let undo: (() => void) | undefined;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const end = (how: () => void): void => {
          if (undo === undefined) return;
          undo();
          how();
        };
        const removals = bus.listen('ubus.object.remove', (_name, data) => {
          if (pick(data, 'path', 'string') === object) end(() => controller.close());
        });
        const subscription = bus.subscribe(object, (name, data) => {
          const bytes = encoder.encode(`event: ${name}\ndata: ${formatJson(data)}\n\n`);
          if ((controller.desiredSize ?? 0) < bytes.byteLength)
            end(() => controller.error('too slow'));
          else controller.enqueue(bytes);
        });
        // Nothing may come for long: a comment tells whether the other side is still there.
        const comment = (): void => {
          timer = clock.after(COMMENT_MS, comment);
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(': here\n\n'));
        };
        let timer = clock.after(COMMENT_MS, comment);
        undo = () => {
          undo = undefined;
          timer.cancel();
          subscription[Symbol.dispose]();
          removals[Symbol.dispose]();
          left();
        };
      },
      cancel: () => undo?.(),
    },
    { highWaterMark: MAX_BEHIND_BYTES, size: (chunk) => chunk?.byteLength ?? 0 },
  );
}

const COMMENT_MS = 15_000;

/** The body as a value; undefined for what is no JSON object or array, or too large. */
async function requestOf(c: Ctx): Promise<BlobmsgValue | undefined> {
  const body = await c.env.readBody(MAX_BODY_BYTES);
  if (!body.ok) return undefined;
  const text = new TextDecoder().decode(body.value);
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  // JSON by itself, so it stays one value inside another; integers keep all their digits this way.
  const wrapped = parseJson(`{"it":${text}}`);
  const value = wrapped.ok ? wrapped.value[0]?.value : undefined;
  return value?.type === 'table' || value?.type === 'array' ? value : undefined;
}

interface Rpc {
  readonly method: string;
  readonly params: BlobmsgValue | undefined;
}

function rpcOf(request: BlobmsgTable): Rpc | undefined {
  const method = pick(request, 'method', 'string');
  if (pick(request, 'jsonrpc', 'string') !== '2.0' || method === undefined) return undefined;
  return { method, params: request.find(({ name }) => name === 'params')?.value };
}

function headOf(request: BlobmsgValue | undefined): BlobmsgField[] {
  const id =
    request?.type === 'table' ? request.value.find(({ name }) => name === 'id') : undefined;
  return [field('jsonrpc', string('2.0')), id ?? field('id', { type: 'unspec' })];
}

/** `inArray`: the result of JSON-RPC proper is [status, data]; that of a call by path is the data. */
function members(outcome: Outcome, inArray: boolean): BlobmsgField[] {
  if (outcome.kind === 'error') {
    const [code, message] = RPC[outcome.error];
    return [field('error', table(problem(code, message)))];
  }
  if (outcome.kind === 'listed') return [field('result', outcome.result)];
  const { status, data } = outcome;
  if (inArray) {
    const result = [int32(status), ...(data.length === 0 ? [] : [table(data)])];
    return [field('result', array(result))];
  }
  if (status !== UBUS_STATUS.ok)
    return [field('error', table(problem(status, statusText(status))))];
  return [field('result', data.length === 0 ? { type: 'unspec' } : table(data))];
}

const problem = (code: number, message: string): BlobmsgTable => [
  field('code', int32(code)),
  field('message', string(message)),
];

/** Method → argument → type, in uhttpd's words. */
const readable = (signature: BlobmsgTable): BlobmsgTable =>
  signature.map(({ name, value }) =>
    field(
      name,
      table(
        value.type !== 'table'
          ? []
          : value.value.flatMap(({ name: argument, value: type }) =>
              type.type === 'int32'
                ? [field(argument, string(TYPES[type.value] ?? 'unknown'))]
                : [],
            ),
      ),
    ),
  );

/** By blobmsg id. */
const TYPES: Readonly<Record<number, string>> = {
  1: 'array',
  2: 'object',
  3: 'string',
  5: 'number',
  7: 'boolean',
};

const prefixFits = (pattern: string, path: string): boolean =>
  pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;

function bearerOf(c: Ctx): string {
  const header = c.req.header('authorization') ?? '';
  return /^bearer /i.test(header) ? header.slice(7) : NOBODY;
}
