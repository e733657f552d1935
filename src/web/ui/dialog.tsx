/** A modal dialog on the browser's own: focus is kept inside, Escape closes, focus goes back after. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { useT } from '../state/app.ts';

export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    const dialog = ref.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
    >
      <h2 id={id}>{props.title}</h2>
      {props.children}
    </dialog>
  );
}

/** Asks before something happens; with `typed`, only who types that name may go on. */
export function Confirm(props: {
  title: string;
  text: ComponentChildren;
  action: string;
  typed?: string;
  danger?: boolean;
  onYes: () => void;
  onNo: () => void;
}) {
  const t = useT();
  const [typed, setTyped] = useState('');
  const id = useId();
  const blocked = props.typed !== undefined && typed !== props.typed;
  return (
    <Dialog title={props.title} onClose={props.onNo}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!blocked) props.onYes();
        }}
      >
        <div>{props.text}</div>
        {props.typed !== undefined && (
          <div class="field">
            <label for={id}>{t('confirm.type', { name: props.typed })}</label>
            <input
              id={id}
              value={typed}
              autocomplete="off"
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </div>
        )}
        <div class="actions end">
          <button type="button" onClick={props.onNo}>
            {t('cancel')}
          </button>
          <button type="submit" class={props.danger ? 'danger' : 'primary'} disabled={blocked}>
            {props.action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
