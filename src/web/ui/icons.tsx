/** Line icons on a 24 grid, drawn for this page. They decorate: the word beside them says it. */
import type { State } from '../lib/status.ts';

const PATHS = {
  overview: 'M3 12 12 4l9 8M6 10v9h12v-9M10 19v-5h4v5',
  devices: 'M4 6h11v8H4zM2 18h13M18 9h4v10h-4z',
  dns: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM3.5 9h17M3.5 15h17M12 3c-5 5-5 13 0 18M12 3c5 5 5 13 0 18',
  network: 'M9 3h6v5H9zM3 16h6v5H3zM15 16h6v5h-6zM12 8v4M6 16v-4h12v4',
  monitor: 'M3 13h4l2-7 4 13 3-9 1 3h4',
  capture: 'M4 5h16l-6 8v6l-4 2v-8z',
  model: 'M5 4v14a2 2 0 0 0 2 2h3M5 9h5M10 6h10v5H10zM12 17h8v5h-8z',
  system:
    'M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2',
  copy: 'M8 8h12v12H8zM16 8V4H4v12h4',
  close: 'M5 5l14 14M19 5 5 19',
  chevron: 'M9 5l7 7-7 7',
  pin: 'M12 3l3 6 6 1-4.500 4.500 1 6.500-5.500-3-5.500 3 1-6.500L3 10l6-1z',
  gate: 'M4 21V8l8-5 8 5v13M8 21V11h8v10M12 11v10',
  more: 'M4 12h.01M12 12h.01M20 12h.01',
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d={PATHS[name]} />
  </svg>
);

/** Each state has a shape of its own, so that it can be told without its colour. */
const SHAPES: Readonly<Record<State, string>> = {
  up: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Z',
  degraded: 'M8 1 15.500 14.500H.5z',
  down: 'M2 2h12v12H2z',
  unknown:
    'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 2.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 0 1 0-9Z',
  off: 'M1 6h14v4H1z',
};

export const Shape = ({ state }: { state: State }) => (
  <svg class={`shape is-${state}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <path d={SHAPES[state]} />
  </svg>
);
