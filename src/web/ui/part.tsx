/** A part of the page that is loaded when it is first shown. */
import { type Signal, useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { useT } from '../state/app.ts';
import { Note, Skeleton } from './parts.tsx';

type Load = () => Promise<{ readonly default: ComponentType }>;

/** `load` is `() => import('../parts/…')`, the same function for as long as the part is shown. */
export function Part({ load }: { load: Load }) {
  const t = useT();
  const part: Signal<ComponentType | undefined> = useSignal(undefined);
  const failed = useSignal(false);
  const fetchIt = (): void => {
    failed.value = false;
    load().then(
      (loaded) => {
        part.value = loaded.default;
      },
      () => {
        failed.value = true;
      },
    );
  };
  useEffect(fetchIt, [load]);
  const Shown = part.value;
  if (Shown !== undefined) return <Shown />;
  if (!failed.value) return <Skeleton lines={5} />;
  return (
    <Note kind="bad">
      {t('error.part')}{' '}
      <button type="button" onClick={fetchIt}>
        {t('retry')}
      </button>
    </Note>
  );
}
