/** The command line's bus over a ubus client: plain JSON values, one connection, errors a person can act on. */
import type { Clock } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { UnixSockets } from '../../os/ports.ts';
import type { BlobmsgTable } from '../../wire/blobmsg.ts';
import { tableFromPlain, tableToPlain } from '../../wire/blobmsg-json.ts';
import { UBUS_STATUS } from '../../wire/ubus.ts';
import { UbusClient } from '../ubus/client.ts';
import type { Bus, BusError, JsonObject } from './bus.ts';

export interface UbusBusOptions {
  readonly sockets: UnixSockets;
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
}

const MAX_QUEUED_BYTES = 4 << 20;
const CONNECT_TIMEOUT_MS = 5_000;
/** Commands such as diagnostics may take this long. */
const CALL_TIMEOUT_MS = 600_000;

/** Connects once; after that the client keeps the connection up by itself, so `watch` outlives a restart of the daemon. */
export async function connectBus(options: UbusBusOptions): Promise<Result<Bus, BusError>> {
  const { sockets, path, clock, log } = options;
  let refused: (error: SystemError) => void = () => undefined;
  const refusal = new Promise<SystemError>((resolve) => {
    refused = resolve;
  });
  const client = new UbusClient({
    clock,
    log,
    connect(opened) {
      const connection = sockets.connect(path, MAX_QUEUED_BYTES, opened);
      if (!connection.ok) refused(connection.error);
      return connection;
    },
  });
  client.start();
  const failed = await new Promise<string | undefined>((resolve) => {
    const timer = clock.after(CONNECT_TIMEOUT_MS, () => resolve('it does not answer'));
    const settle = (reason: string | undefined): void => {
      timer.cancel();
      resolve(reason);
    };
    void client.ready().then(() => settle(undefined));
    void refusal.then((error) => settle(reasonOf(error)));
  });
  if (failed !== undefined) {
    await client[Symbol.asyncDispose]();
    return err({ message: `cannot reach the daemon at ${path}: ${failed}`, status: undefined });
  }
  return ok({
    async call(object, method, args) {
      const answer = await client.call(object, method, tableFromPlain(args), {
        timeoutMs: CALL_TIMEOUT_MS,
      });
      if (answer.ok) return ok(plain(answer.value));
      const { status, message } = answer.error;
      return err({ message: explain(object, method, status, message), status });
    },
    async listen(events, heard) {
      for (const event of events) client.listen(event, (name, data) => heard(name, plain(data)));
      await client.ready();
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  });
}

/** As JSON; an INT64 past 2^53 becomes text, as JSON cannot hold it. */
const plain = (data: BlobmsgTable): JsonObject =>
  JSON.parse(
    JSON.stringify(tableToPlain(data), (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    ),
  );

function reasonOf(error: SystemError): string {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return "nobody listens there; is it running ('gatehouse daemon')?";
    case 'EACCES':
    case 'EPERM':
      return 'permission denied; try as root';
    default:
      return error.message;
  }
}

function explain(object: string, method: string, status: number, message: string): string {
  switch (status) {
    case UBUS_STATUS.notFound:
      // Who may call nothing of it is not told that it is there.
      return `nobody serves '${object}' to this user: try as root, or is the daemon not running?`;
    case UBUS_STATUS.permissionDenied:
      return `permission denied: ${object} ${method}`;
    case UBUS_STATUS.connectionFailed:
      return `the daemon went away before it answered (${object} ${method})`;
    default:
      return `${object} ${method}: ${message}`;
  }
}
