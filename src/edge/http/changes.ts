/** What every route that changes the configuration does alike: who, on trial or not, and the answer first. */
import type { Result } from '../../base/result.ts';
import type { Fault, Origin, WriteOptions } from '../../tr181/model.ts';
import { type Ctx, faulty, originOf, type Parts, refuse } from './context.ts';

/** Makes a change; gives what to answer of it. */
type Make = (
  origin: Origin,
  options: WriteOptions,
) => Promise<Result<{ readonly revision: number }, readonly Fault[]>>;

/**
 * Runs a change and answers it. With `confirmSec` (of the body; absent and null are alike) it returns
 * by itself unless it is confirmed, and the answer says how. What it changes may be the way that the
 * answer takes, so it is put into effect once the answer is out.
 */
export async function change(
  { configuration, holdEffects }: Pick<Parts, 'configuration' | 'holdEffects'>,
  c: Ctx,
  confirmSec: unknown,
  make: Make,
): Promise<Response> {
  const tried = confirmSec !== undefined && confirmSec !== null;
  if (tried && typeof confirmSec !== 'number') return refuse(c, 400, 'confirmSec is a number');
  holdEffects(c.env.answered);
  const done = await make(originOf(c), tried ? { confirmSec } : {});
  if (!done.ok) return faulty(c, done.error);
  const { pending } = configuration;
  if (!tried || pending === undefined) return c.json(done.value);
  const { token, deadlineMs } = pending;
  return c.json({ ...done.value, confirm: { token, deadlineMs } });
}

/** For what is told of a change when its values are not: they may be many. */
export const revisionOf = <T extends { readonly revision: number }>(
  done: Result<T, readonly Fault[]>,
): Result<{ readonly revision: number }, readonly Fault[]> =>
  done.ok ? { ok: true, value: { revision: done.value.revision } } : done;
