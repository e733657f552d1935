/** What is looked at wherever a browser test goes: accessibility, width, size of text, in every look of the page. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const COLOURS = ['color-contrast', 'link-in-text-block'];

export const LOOKS = [
  { name: 'light', theme: 'light', contrast: 'auto', width: 1280 },
  { name: 'dark', theme: 'dark', contrast: 'auto', width: 1280 },
  { name: 'contrast-light', theme: 'light', contrast: 'more', width: 1280 },
  { name: 'contrast-dark', theme: 'dark', contrast: 'more', width: 1280 },
  { name: 'phone', theme: 'light', contrast: 'auto', width: 390 },
] as const;

export type Look = (typeof LOOKS)[number];

interface Violation {
  readonly id: string;
  readonly nodes: readonly {
    readonly target: readonly string[];
    readonly failureSummary?: string;
  }[];
}

/**
 * Violations of WCAG 2.2 AA as text; with much contrast, of its 7 to 1 as well (1.4.6). `colours`:
 * only the rules that look at those, for a page that was looked at whole in other ones.
 */
export async function violations(
  page: Page,
  contrast: Look['contrast'],
  colours = false,
): Promise<readonly string[]> {
  if ((await page.evaluate('typeof axe')) === 'undefined') await page.evaluate(AXE);
  const enhanced = contrast === 'more' ? ['color-contrast-enhanced'] : [];
  const options = JSON.stringify({
    ...(colours
      ? { runOnly: { type: 'rule', values: [...COLOURS, ...enhanced] } }
      : {
          runOnly: { type: 'tag', values: TAGS },
          rules: { 'color-contrast-enhanced': { enabled: contrast === 'more' } },
        }),
    resultTypes: ['violations'],
  });
  const found = (await page.evaluate(`axe.run(document, ${options})`)) as {
    readonly violations: readonly Violation[];
  };
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
  );
}

/** By how many pixels the page is wider than its window, and what sticks out of it. */
export const sticksOut = (page: Page): Promise<unknown> =>
  page.evaluate(`(() => {
    const root = document.documentElement;
    const wide = root.scrollWidth - root.clientWidth;
    if (wide === 0) return [];
    const out = [...document.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1);
    return [wide, ...out.slice(0, 5).map((e) => e.tagName + '.' + e.className)];
  })()`);

/** Texts that are smaller than the smallest of the four sizes, and words that are cut off where nothing scrolls. */
export const badText = (page: Page): Promise<unknown> =>
  page.evaluate(`(() => {
    const found = [];
    for (const element of document.body.querySelectorAll('*')) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
      if (!own || element.closest('svg, option, .sr') || !element.checkVisibility()) continue;
      const style = getComputedStyle(element);
      const text = element.innerText.slice(0, 40);
      if (Number.parseFloat(style.fontSize) < 13) found.push('small: ' + style.fontSize + ' ' + text);
      const isHidden = style.clipPath !== 'none' || element.clientWidth <= 1;
      const cuts = style.overflowX !== 'visible' && style.textOverflow !== 'ellipsis' && !/auto|scroll/.test(style.overflowX);
      if (!isHidden && cuts && element.scrollWidth > element.clientWidth + 1) found.push('cut off: ' + text);
      const card = element.closest('.card, dialog, .door-card');
      const inner = card && card.getBoundingClientRect().right - Number.parseFloat(getComputedStyle(card).paddingRight);
      if (card && !isHidden && !element.closest('.table-wrap, .tree') && element.getBoundingClientRect().right > inner + 1) found.push('out of its card: ' + text);
      if (element.matches('button, .button') && element.scrollWidth > element.clientWidth + 1 && !isHidden) found.push('out of its button: ' + text);
    }
    return found;
  })()`);

/** As the reader's choice on the page would, without a reload: what is open stays open. */
export async function dress(page: Page, { theme, contrast, width }: Look): Promise<void> {
  await page.setViewportSize({ width, height: 860 });
  await page.evaluate(
    `Object.assign(document.documentElement.dataset, { theme: '${theme}', contrast: '${contrast}' })`,
  );
}
