/** How components get at the model. */
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect } from 'preact/hooks';
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

/** Asks anew when an input is another. Of two answers the later question's is taken, whichever comes last. */
export function useAnswer<T>(
  ask: () => Promise<T>,
  inputs: readonly unknown[],
  take: (answer: T) => void,
): void {
  useEffect(() => {
    let stale = false;
    void ask().then((answer) => {
      if (!stale) take(answer);
    });
    return () => {
      stale = true;
    };
  }, inputs);
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
