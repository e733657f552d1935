/** Calls to the daemon: same origin, JSON, the token with every change. */
import type { Fault } from '../lib/shapes.ts';

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: Failure };

export interface Failure {
  /** HTTP status; 0 when the box did not answer. */
  readonly status: number;
  readonly message: string;
  readonly faults: readonly Fault[];
  readonly retryAfterSec: number | undefined;
}

export interface Api {
  get<T>(path: string): Promise<Answer<T>>;
  post<T>(path: string, body?: unknown): Promise<Answer<T>>;
  /** Sends bytes as they are, such as a backup. */
  send<T>(path: string, body: Blob, headers: Readonly<Record<string, string>>): Promise<Answer<T>>;
  download(path: string, body: unknown): Promise<Answer<{ blob: Blob; name: string }>>;
}

const TIMEOUT_MS = 15_000;

/** `token` gives the one of the session; `refused` is told of a session that is over. */
export function createApi(token: () => string | null, refused: () => void): Api {
  const ask = async <T>(
    path: string,
    init: RequestInit,
    read: (response: Response) => Promise<T>,
  ): Promise<Answer<T>> => {
    const asker = token();
    let response: Response | undefined;
    try {
      response = await fetch(path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (response.ok) return { ok: true, value: await read(response) };
    } catch {
      // No network, a name that is gone, a time-out, half an answer or none of ours.
      response = undefined;
    }
    // A late answer to a session before this one says nothing of this one.
    if (response?.status === 401 && token() === asker) refused();
    return { ok: false, error: await failureOf(response) };
  };
  const headers = (): Record<string, string> => {
    const known = token();
    return known === null ? {} : { 'x-gatehouse-token': known };
  };
  const json = (body: unknown): RequestInit => ({
    method: 'POST',
    body: JSON.stringify(body ?? {}),
    headers: { ...headers(), 'content-type': 'application/json' },
  });
  const value = async <T>(response: Response): Promise<T> => {
    const text = await response.text();
    return (text === '' ? {} : JSON.parse(text)) as T;
  };
  return {
    get: <T>(path: string) => ask(path, {}, value<T>),
    post: <T>(path: string, body?: unknown) => ask(path, json(body), value<T>),
    send: <T>(path: string, body: Blob, extra: Readonly<Record<string, string>>) =>
      ask(path, { method: 'POST', body, headers: { ...headers(), ...extra } }, value<T>),
    download: (path, body) =>
      ask(path, json(body), async (response) => {
        const named = /filename="?([^";]+)/.exec(response.headers.get('content-disposition') ?? '');
        return { blob: await response.blob(), name: named?.[1] ?? 'gatehouse' };
      }),
  };
}

/** What went wrong, from the body where it says so. */
async function failureOf(response: Response | undefined): Promise<Failure> {
  if (response === undefined)
    return { status: 0, message: '', faults: [], retryAfterSec: undefined };
  const text = await response.text().catch(() => '');
  const body = parsed(text);
  const faults = Array.isArray(body['faults']) ? (body['faults'] as Fault[]) : [];
  const after = Number(body['retryAfterSec'] ?? response.headers.get('retry-after') ?? Number.NaN);
  return {
    status: response.status,
    message:
      typeof body['error'] === 'string'
        ? body['error']
        : faults.map((fault) => fault.message).join('\n') || `HTTP ${response.status}`,
    faults,
    retryAfterSec: Number.isNaN(after) ? undefined : after,
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
