/**
 * The system refused: a call to the kernel, the store, or a child process failed.
 * `code` is the errno name (`ENOSPC`) where there is one; `remedy` is what the owner can do.
 */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly code: string;
  readonly remedy: string | undefined;

  constructor(message: string, code: string, options: { cause?: unknown; remedy?: string } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy;
  }
}

/** The caller broke a contract of the code itself: a bug, never bad input. */
export class BugError extends Error {
  override readonly name = 'BugError';
}

/** The errno name of anything thrown, or `EUNKNOWN`. */
export function errorCode(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown) {
    const { code } = thrown;
    if (typeof code === 'string') return code;
  }
  return 'EUNKNOWN';
}

export const errorMessage = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** For the `default` of a switch over a union: a compile error when a case is missing. */
export function unreachable(value: never): never {
  throw new BugError(`unexpected ${JSON.stringify(value)}`);
}
