/** A form that asks for a name of the DNS, and for what else stands in it. */
import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { useTexts } from '../../state/app.ts';
import { texts } from './texts.ts';

export function NameForm(props: {
  name: Signal<string>;
  /** On its button. */
  word: string;
  onSubmit: () => Promise<void>;
  children?: ComponentChildren;
}) {
  const t = useTexts(texts);
  const id = useId();
  const { name } = props;
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void props.onSubmit();
      }}
    >
      <div class="field">
        <label for={id}>{t('column.name')}</label>
        <input
          id={id}
          type="text"
          required
          autocomplete="off"
          spellcheck={false}
          placeholder="example.org"
          value={name.value}
          onInput={(event) => (name.value = event.currentTarget.value)}
        />
      </div>
      {props.children}
      <div class="actions">
        <button type="submit">{props.word}</button>
      </div>
    </form>
  );
}
