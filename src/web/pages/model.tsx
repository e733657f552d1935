/** The TR-181 browser: tree, search, the object under the finger, and what is watched. */
import { useSignal } from '@preact/signals';
import { useEffect, useId, useMemo, useRef } from 'preact/hooks';
import { parentOf } from '../lib/paths.ts';
import { href } from '../lib/router.ts';
import type { InstanceRow } from '../lib/shapes.ts';
import { above, buildTree, type Line, search, type TreeNode, visible } from '../lib/tree.ts';
import { useApp, useT } from '../state/app.ts';
import { useAnswer, useSchema } from '../ui/hooks.ts';
import { Icon } from '../ui/icons.tsx';
import { Empty, PageHead, Skeleton } from '../ui/parts.tsx';
import { ObjectView, Watched } from './model-object.tsx';

const HITS = 60;

export function ModelPage() {
  const app = useApp();
  const t = useT();
  const id = useId();
  const schema = useSchema();
  const instances = useSignal<readonly InstanceRow[]>([]);
  const words = useSignal('');
  const [chosen = 'Device.'] = app.route.value.rest;
  const open = useSignal<ReadonlySet<string>>(new Set(['Device.', ...above(chosen)]));
  const changes = app.model.rowsChanged.value;
  useAnswer(
    () => app.model.instances('Device.'),
    [changes],
    (rows) => (instances.value = rows),
  );
  useEffect(() => {
    open.value = new Set([...open.peek(), ...above(chosen)]);
  }, [chosen]);
  const tree = useMemo(() => buildTree(schema, instances.value), [schema, instances.value]);
  const hits = useMemo(() => search(tree, schema, words.value, HITS), [tree, schema, words.value]);
  const go = (path: string): void => {
    location.hash = href('model', [path]);
  };
  return (
    <>
      <PageHead title={t('model.title')} intro={t('model.intro')} />
      {schema.length === 0 ? (
        <Skeleton lines={10} />
      ) : (
        <div class="browser">
          <section class="browser-tree card" aria-label={t('model.tree')}>
            <label class="sr" for={id}>
              {t('model.search')}
            </label>
            <input
              id={id}
              type="search"
              placeholder={t('model.search')}
              value={words.value}
              onInput={(event) => (words.value = event.currentTarget.value)}
            />
            {words.value.trim() === '' ? (
              <Tree
                root={tree}
                open={open.value}
                chosen={chosen}
                go={go}
                fold={(path, opened) => {
                  const next = new Set(open.peek());
                  if (opened) next.add(path);
                  else next.delete(path);
                  open.value = next;
                }}
              />
            ) : (
              <>
                <p class="muted" role="status">
                  {hits.length === HITS
                    ? t('model.hitsMany', { n: HITS })
                    : t('model.hits', { n: hits.length })}
                </p>
                <ul class="hits">
                  {hits.map((hit) => (
                    <li key={hit.path}>
                      <a href={href('model', [hit.object])}>
                        <span class="mono">{hit.path.replace(/^Device\./, '')}</span>
                        <span class="hint" lang="en">
                          {hit.about}
                        </span>
                      </a>
                    </li>
                  ))}
                </ul>
              </>
            )}
          </section>
          <div class="browser-object">
            <Watched />
            {find(tree, chosen) === undefined ? (
              <Empty title={t('network.gone')} />
            ) : (
              <ObjectView key={chosen} node={find(tree, chosen) ?? tree} schema={schema} />
            )}
          </div>
        </div>
      )}
    </>
  );
}

function find(node: TreeNode, path: string): TreeNode | undefined {
  if (node.path === path) return node;
  const next = node.children.find((child) => path.startsWith(child.path));
  return next === undefined ? undefined : find(next, path);
}

/** WAI-ARIA's tree: one stop for Tab, arrows walk and fold, letters jump. */
function Tree(props: {
  root: TreeNode;
  open: ReadonlySet<string>;
  chosen: string;
  go: (path: string) => void;
  fold: (path: string, open: boolean) => void;
}) {
  const t = useT();
  const list = useRef<HTMLDivElement>(null);
  const lines = visible(props.root, props.open);
  const focused = useSignal(props.chosen);
  const at = Math.max(
    0,
    lines.findIndex((line) => line.node.path === focused.value),
  );
  const focus = (line: Line | undefined): void => {
    if (line === undefined) return;
    focused.value = line.node.path;
    list.current
      ?.querySelector<HTMLElement>(`[data-path="${CSS.escape(line.node.path)}"]`)
      ?.focus();
  };
  const keyDown = (event: KeyboardEvent, line: Line): void => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const handled = keyed(event.key, line);
    if (handled) event.preventDefault();
  };
  const keyed = (key: string, line: Line): boolean => {
    const { node } = line;
    switch (key) {
      case 'ArrowDown':
        focus(lines[at + 1]);
        return true;
      case 'ArrowUp':
        focus(lines[at - 1]);
        return true;
      case 'Home':
        focus(lines[0]);
        return true;
      case 'End':
        focus(lines.at(-1));
        return true;
      case 'ArrowRight':
        if (line.open) focus(lines[at + 1]);
        else if (node.children.length > 0) props.fold(node.path, true);
        return true;
      case 'ArrowLeft':
        if (line.open) props.fold(node.path, false);
        else focus(lines.find((other) => other.node.path === parentOf(node.path)));
        return true;
      case 'Enter':
      case ' ':
        props.go(node.path);
        return true;
      default: {
        if (key.length !== 1) return false;
        const after = [...lines.slice(at + 1), ...lines.slice(0, at)];
        const hit = after.find((other) =>
          other.node.name.toLowerCase().startsWith(key.toLowerCase()),
        );
        focus(hit);
        return hit !== undefined;
      }
    }
  };
  return (
    <div class="tree" role="tree" aria-label={t('model.tree')} ref={list}>
      {lines.map(({ node, depth, open }, index) => (
        <div
          key={node.path}
          role="treeitem"
          class={`tree-item depth-${Math.min(depth, 8)}`}
          data-path={node.path}
          aria-level={depth + 1}
          aria-expanded={node.children.length === 0 ? undefined : open}
          aria-selected={node.path === props.chosen}
          tabIndex={index === at ? 0 : -1}
          onFocus={() => {
            focused.value = node.path;
          }}
          onKeyDown={(event) => keyDown(event, { node, depth, open })}
          onClick={() => {
            focused.value = node.path;
            if (node.children.length > 0 && (node.path === props.chosen || !open))
              props.fold(node.path, !open);
            props.go(node.path);
          }}
        >
          <span
            class={`twist ${open ? 'is-open' : ''} ${node.children.length === 0 ? 'is-leaf' : ''}`}
            aria-hidden="true"
          >
            <Icon name="chevron" />
          </span>
          <span class="mono">{node.name}</span>
          {node.title !== undefined && <span class="tree-title">{node.title}</span>}
          {node.table && <span class="tree-count">{node.children.length}</span>}
        </div>
      ))}
    </div>
  );
}
