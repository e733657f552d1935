/** What a ubus client serves: objects with methods, their arguments by policy, and how a call is answered. */
import type { PeerCredentials } from '../../os/ports.ts';
import type { BlobmsgTable, BlobmsgType, BlobmsgValue } from '../../wire/blobmsg.ts';
import { UBUS_STATUS } from '../../wire/ubus.ts';

/** What a policy's type gives: `int8` is a boolean; `unspec` takes any type. */
interface PolicyTypes {
  readonly string: string;
  readonly int8: boolean;
  readonly int16: number;
  readonly int32: number;
  readonly int64: bigint;
  readonly double: number;
  readonly array: readonly BlobmsgValue[];
  readonly table: BlobmsgTable;
  readonly unspec: BlobmsgValue;
}

export type Policy = Readonly<Record<string, BlobmsgType>>;

export type Arguments<P extends Policy> = {
  readonly [K in keyof P]: PolicyTypes[P[K]] | undefined;
};

/** Who calls, and with what. */
export interface UbusRequest {
  readonly method: string;
  /** All that came, also what no policy names. */
  readonly data: BlobmsgTable;
  /** Names of the caller's user and group, as the broker vouches for them. */
  readonly user: string;
  readonly group: string;
  /** As the kernel said; only where the broker runs in this process. */
  readonly peer: PeerCredentials | undefined;
  /** Aborted when the connection to the broker is lost: nobody will hear the answer. */
  readonly signal: AbortSignal;
}

export interface UbusReply {
  readonly status: number;
  readonly data?: BlobmsgTable;
}

export const reply = (data: BlobmsgTable): UbusReply => ({ status: UBUS_STATUS.ok, data });
export const refuse = (status: number): UbusReply => ({ status });

export interface UbusMethod {
  readonly policy: Policy;
  readonly handle: (request: UbusRequest) => UbusReply | Promise<UbusReply>;
}

/** A method whose arguments are picked by name and very type, as C servers do; others are absent. */
export function method<const P extends Policy>(
  policy: P,
  handle: (args: Arguments<P>, request: UbusRequest) => UbusReply | Promise<UbusReply>,
): UbusMethod {
  return { policy, handle: (request) => handle(pickAll(policy, request.data), request) };
}

function pickAll<P extends Policy>(policy: P, data: BlobmsgTable): Arguments<P> {
  const found: Record<string, unknown> = {};
  for (const { name, value } of data) {
    if (!Object.hasOwn(policy, name) || Object.hasOwn(found, name)) continue;
    const wanted = policy[name];
    if (wanted === 'unspec') found[name] = value;
    else if (wanted === value.type) found[name] = plain(value);
  }
  return found as Arguments<P>;
}

const plain = (value: BlobmsgValue): unknown =>
  value.type === 'int8' ? value.value !== 0 : 'value' in value ? value.value : undefined;

export interface UbusObject {
  readonly path: string;
  readonly methods: Readonly<Record<string, UbusMethod>>;
}
