/** How the page is built: hashed names, nothing inline, so that the strictest content policy fits. */
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const root = fileURLToPath(new URL('../src/web/', import.meta.url));

/**
 * The catalogues are shipped as one text each: the keys, and the texts of each language in their order.
 * That is a fiftieth of the page less than objects that name every key again.
 */
const catalogues: Plugin = {
  name: 'catalogues-by-order',
  async load(id) {
    const language = /\/i18n\/(en|de)\.ts$/.exec(id)?.[1];
    if (language === undefined) return null;
    const [{ de }, { en }] = await Promise.all([
      import('../src/web/i18n/de.ts'),
      import('../src/web/i18n/en.ts'),
    ]);
    const keys = Object.keys(en) as (keyof typeof en)[];
    const lines = (texts: readonly string[]): string =>
      `${JSON.stringify(texts.join('\n'))}.split('\\n')`;
    const texts = lines(keys.map((key) => (language === 'en' ? en : de)[key]));
    const names = language === 'en' ? lines(keys) : 'Object.keys(en)';
    return `${language === 'en' ? '' : "import { en } from './en.ts';"}
const texts = ${texts};
export const ${language} = Object.fromEntries(${names}.map((key, i) => [key, texts[i]]));`;
  },
};

export default defineConfig({
  root,
  plugins: [catalogues],
  base: './',
  publicDir: false,
  oxc: {
    jsx: { runtime: 'classic', pragma: 'h', pragmaFrag: 'Fragment' },
    jsxInject: "import { Fragment, h } from 'preact'",
  },
  build: {
    outDir: fileURLToPath(new URL('../build/web/', import.meta.url)),
    emptyOutDir: true,
    target: 'es2023',
    // A data: address would need a hole in the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
    rolldownOptions: {
      output: {
        // The page itself is one script: two compress worse.
        codeSplitting: {
          groups: [{ name: 'index', test: /src\/web\/(?!parts\/)|node_modules\/@?preact/ }],
        },
        // What is loaded later is told from the rest by its name (scripts/web-sizes.ts).
        chunkFileNames: ({ facadeModuleId }) => {
          const part = /\/parts\/([a-z0-9]+)\/index\.tsx$/.exec(facadeModuleId ?? '')?.[1];
          return `assets/${part === undefined ? '' : 'part-'}${part ?? '[name]'}-[hash].js`;
        },
        assetFileNames: ({ originalFileNames }) => {
          const from = originalFileNames.map((name) => /parts\/([a-z0-9]+)\//.exec(name)?.[1]);
          return `assets/${from[0] === undefined ? '' : 'part-'}${from[0] ?? '[name]'}-[hash].[ext]`;
        },
      },
    },
  },
});
