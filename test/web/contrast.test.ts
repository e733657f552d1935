/** Contrast of the colours that stand on each other, in every theme (WCAG 2.2: 1.4.3, 1.4.6, 1.4.11). */
import { readFileSync } from 'node:fs';
import t from 'tap';

const read = (name: string): string =>
  readFileSync(new URL(`../../src/web/style/${name}.css`, import.meta.url), 'utf8');
const TOKENS = read('tokens');

type Colours = ReadonlyMap<string, readonly [light: string, dark: string]>;

/** The colours of one block, by name. */
function block(selector: RegExp): Colours {
  const body = selector.exec(TOKENS)?.[1] ?? '';
  const pairs = body.matchAll(/--([a-z-]+): light-dark\((#\w+), (#\w+)\)/g);
  return new Map([...pairs].map(([, name = '', light = '', dark = '']) => [name, [light, dark]]));
}

const PLAIN = block(/^:root \{([^}]*)\}/m);
const MORE = block(/^:root\[data-contrast="more"\] \{([^}]*)\}/m);
const ASKED = block(/prefers-contrast: more\) \{\s*:root \{([^}]*)\}/m);

/** Relative luminance (WCAG 2.2). */
function luminance(hex: string): number {
  const channel = (at: number): number => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** Text that can stand on any of the grounds. */
const TEXTS = ['text', 'muted', 'accent', 'accent-strong', 'up', 'degraded', 'down', 'unknown'];
const GROUNDS = ['page', 'surface', 'sunken', 'hover'];
/** Text that has a ground of its own. */
const PAIRS = [
  ...['accent-soft', 'up-soft', 'degraded-soft', 'down-soft'].flatMap((soft) =>
    ['text', 'muted'].map((text) => [text, soft] as const),
  ),
  ['accent', 'accent-soft'],
  ['accent-strong', 'accent-soft'],
  ['up', 'up-soft'],
  ['degraded', 'degraded-soft'],
  ['down', 'down-soft'],
  ['on-accent', 'accent'],
  ['on-accent', 'accent-strong'],
  ['surface', 'down'],
  ['axis', 'surface'],
] as const;
/** Edges of controls, focus rings, lines of charts, and shapes that say a state. */
const SHAPES = [
  ...GROUNDS.flatMap((ground) =>
    ['edge', 'ring', 'accent', 'down'].map((shape) => [shape, ground] as const),
  ),
  ...['accent-soft', 'up-soft', 'degraded-soft', 'down-soft'].map(
    (soft) => ['ring', soft] as const,
  ),
  ['on-accent', 'accent'],
  ['in', 'surface'],
  ['out', 'surface'],
] as const;

const THEMES = [
  { name: 'light', colours: PLAIN, dark: false, text: 4.5 },
  { name: 'dark', colours: PLAIN, dark: true, text: 4.5 },
  { name: 'light, more contrast', colours: MORE, dark: false, text: 7 },
  { name: 'dark, more contrast', colours: MORE, dark: true, text: 7 },
];

for (const { name, colours, dark, text } of THEMES) {
  t.test(name, async (t) => {
    const colour = (token: string): string => {
      const pair = colours.get(token);
      if (pair === undefined) throw new Error(`no colour --${token} in ${name}`);
      return pair[dark ? 1 : 0];
    };
    const least = (wanted: number, front: string, ground: string): void => {
      const found = contrast(colour(front), colour(ground));
      t.ok(found >= wanted, `${front} on ${ground}: ${found.toFixed(2)} of at least ${wanted}`);
    };
    for (const ground of GROUNDS) for (const front of TEXTS) least(text, front, ground);
    for (const [front, ground] of PAIRS) least(text, front, ground);
    for (const [front, ground] of SHAPES) least(3, front, ground);
  });
}

t.test('who asks the system for contrast gets what the page has of it', async (t) => {
  t.ok(MORE.size > 20);
  t.same([...ASKED], [...MORE]);
  t.same(
    [...PLAIN.keys()].filter((name) => !MORE.has(name)),
    ['in-fill'],
    'no colour is forgotten but the tint below a line',
  );
});

t.test('every colour comes from a token', async (t) => {
  for (const name of ['base', 'parts', 'places']) {
    const own = [...read(name).matchAll(/#[0-9a-f]{3,8}\b/g)].map(([hex]) => hex);
    // Shadows and what lies behind a dialog: nothing stands on them.
    t.same(
      own.filter((hex) => !/^#[0-9a-f]{8}$/.test(hex)),
      [],
      name,
    );
  }
});

t.test('four sizes of text', async (t) => {
  const sizes = ['base', 'parts', 'places'].flatMap((name) =>
    [...read(name).matchAll(/font-size: ([^;]+);/g)].map(([, size = '']) => size),
  );
  t.ok(sizes.length > 20);
  t.same(
    [...new Set(sizes)].filter((size) => !/^var\(--text-(s|m|l|xl)\)$|^inherit$/.test(size)),
    ['max(0.9em, var(--text-s))'],
    'and letters of one width, which look larger, never below the smallest',
  );
});
