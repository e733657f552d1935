/** How components get at the model. */
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { Values } from '../lib/patch.ts';
import type { SchemaRow } from '../lib/shapes.ts';
import { useApp } from '../state/app.ts';

/** Values below `prefixes`, kept live while the component stands; `ready` once they were read. */
export function useModel(prefixes: readonly string[]): { values: Values; ready: boolean } {
  const { model } = useApp();
  // Before the paint: what is asked for a frame earlier is there a frame earlier.
  useLayoutEffect(() => model.watch(prefixes), [prefixes.join(' ')]);
  const { value: read } = model.ready;
  return { values: model.values.value, ready: prefixes.every((prefix) => read.has(prefix)) };
}

/** Keeps counters and the like of these objects live while the component stands. */
export function useLive(objects: readonly string[]): void {
  const { live } = useApp();
  useEffect(() => live.look(objects), [objects.join(' ')]);
}

/**
 * Asks anew when an input is another. Of two answers the later question's is taken, whichever comes last;
 * one whose question is not the last is, too, so that something is shown where questions come faster than answers.
 */
export function useAnswer<T>(
  ask: () => Promise<T>,
  inputs: readonly unknown[],
  take: (answer: T) => void,
): void {
  const turns = useRef({ asked: 0, taken: 0 });
  useEffect(() => {
    const turn = ++turns.current.asked;
    void ask().then((answer) => {
      if (turn < turns.current.taken) return;
      turns.current.taken = turn;
      take(answer);
    });
  }, inputs);
  useEffect(
    () => () => {
      // Nobody is left to take one.
      turns.current.taken = Number.POSITIVE_INFINITY;
    },
    [],
  );
}

/** The supported model; empty until it is there. */
export function useSchema(): readonly SchemaRow[] {
  const { model } = useApp();
  const rows = useSignal<readonly SchemaRow[]>([]);
  useAnswer(
    () => model.schema(),
    [],
    (schema) => (rows.value = schema),
  );
  return rows.value;
}
