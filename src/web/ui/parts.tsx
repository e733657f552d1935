/** Small parts that every place is made of. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks';
import type { Key } from '../i18n/en.ts';
import { absolute, relative } from '../lib/format.ts';
import type { State } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { Icon, Shape } from './icons.tsx';

export function PageHead({
  title,
  intro,
  children,
}: {
  title: string;
  intro?: string;
  children?: ComponentChildren;
}) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Gatehouse`;
  }, [title]);
  return (
    <div class="page-head">
      <div>
        <h1 ref={ref}>{title}</h1>
        {intro !== undefined && <p class="muted">{intro}</p>}
      </div>
      {children !== undefined && <div class="actions">{children}</div>}
    </div>
  );
}

export function Card(props: {
  title: string;
  note?: ComponentChildren;
  wide?: boolean;
  class?: string;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class={`card ${props.wide ? 'wide' : ''} ${props.class ?? ''}`} aria-labelledby={id}>
      <header class="card-head">
        <h2 id={id}>{props.title}</h2>
        {props.note}
      </header>
      {props.children}
    </section>
  );
}

/** Word, shape and colour, in this order of weight. */
export function StateWord({ state, word }: { state: State; word?: string }) {
  const t = useT();
  return (
    <span class={`state is-${state}`}>
      <Shape state={state} />
      {word ?? t(`state.${state}` as Key)}
    </span>
  );
}

/** Pairs of a name and what it is now. */
export const Facts = ({ children }: { children: ComponentChildren }) => (
  <dl class="facts">{children}</dl>
);

export const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <div class="fact">
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

/** Text that one click copies; an em dash stands for nothing. */
export function Copy({ text }: { text: string }) {
  const t = useT();
  const copied = useSignal(false);
  if (text === '') return <span class="muted">—</span>;
  const copy = async (): Promise<void> => {
    // Without a secure context there is no clipboard: the text can still be selected.
    await navigator.clipboard?.writeText(text).catch(() => undefined);
    copied.value = true;
    setTimeout(() => {
      copied.value = false;
    }, 1500);
  };
  return (
    <span class="copy">
      <span class="mono">{text}</span>
      <button
        type="button"
        class="icon-button"
        onClick={() => void copy()}
        aria-label={t('copy.label', { text })}
      >
        <Icon name="copy" />
      </button>
      <span class="copied" role="status">
        {copied.value ? t('copy.done') : ''}
      </span>
    </span>
  );
}

/** A moment, said relative to now; focus, a finger or the pointer shows the absolute one. */
export function When({ ms }: { ms: number }) {
  const app = useApp();
  const t = useT();
  const exact = useSignal(false);
  app.nowMs.value;
  const near = relative(ms, Date.now() + app.events.skewMs.value, app.locale);
  const full = absolute(ms, app.locale);
  return (
    <button
      type="button"
      class="when"
      title={full}
      aria-label={t('when', { near, full })}
      onFocus={() => {
        exact.value = true;
      }}
      onBlur={() => {
        exact.value = false;
      }}
    >
      {exact.value ? full : near}
    </button>
  );
}

/** A region that scrolls by itself, which must be reached by keyboard (WCAG 2.1.1). */
export function Scroll(props: {
  label: string;
  class?: string;
  /** Told of each move: how far the top is out of sight, in CSS pixels. */
  onScroll?: (top: number) => void;
  children: ComponentChildren;
}) {
  const ref = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    if (ref.current !== null) ref.current.tabIndex = 0;
  }, []);
  return (
    <section
      ref={ref}
      class={`table-wrap ${props.class ?? ''}`}
      aria-label={props.label}
      onScroll={(event) => props.onScroll?.(event.currentTarget.scrollTop)}
    >
      {props.children}
    </section>
  );
}

export const Empty = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <div class="empty">
    <p class="empty-title">{title}</p>
    {children}
  </div>
);

/** The shape of what comes, shown only when it takes longer than 200 ms (by the style sheet). */
export const Skeleton = ({ lines = 4 }: { lines?: number }) => {
  const t = useT();
  return (
    <div class="skeleton">
      <span class="sr">{t('loading')}</span>
      {Array.from({ length: lines }, (_, at) => (
        <span class="bone" key={at} />
      ))}
    </div>
  );
};

export interface Tab {
  readonly id: string;
  readonly title: string;
  readonly href: string;
}

/** Links, not ARIA tabs: each has an address of its own. */
export const Tabs = ({
  label,
  tabs,
  current,
}: {
  label: string;
  tabs: readonly Tab[];
  current: string;
}) => {
  const ref = useRef<HTMLElement>(null);
  useEffect(() => {
    // Where not all fit, the one that is shown does.
    const [nav, tab] = [ref.current, ref.current?.querySelector<HTMLElement>('[aria-current]')];
    if (nav && tab) nav.scrollLeft = tab.offsetLeft - (nav.clientWidth - tab.offsetWidth) / 2;
  }, [current]);
  return (
    <nav ref={ref} class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.id} href={tab.href} aria-current={tab.id === current ? 'page' : undefined}>
          {tab.title}
        </a>
      ))}
    </nav>
  );
};

export const Note = ({
  kind = 'info',
  children,
}: {
  kind?: 'info' | 'warn' | 'bad';
  children: ComponentChildren;
}) => (
  <div class={`note note-${kind}`} role={kind === 'bad' ? 'alert' : undefined}>
    {children}
  </div>
);
