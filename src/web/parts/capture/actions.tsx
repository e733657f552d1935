/** What can be done with a capture. */
import type { Values } from '../../lib/patch.ts';
import { textAt } from '../../lib/status.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { ask, goes, isOwn } from './data.ts';
import { texts } from './texts.ts';

export function Actions({ values, row }: { values: Values; row: string }) {
  const app = useApp();
  const t = useTexts(texts);
  const name = textAt(values, `${row}Interface`);
  const run = async (command: 'stop' | 'again' | 'delete'): Promise<void> => {
    const answer = await ask(app, command, { id: textAt(values, `${row}ID`) });
    if (answer.ok) app.say(t(`capture.did.${command}`));
    else app.failed(answer.error);
  };
  const button = (command: 'stop' | 'again' | 'delete') => (
    <button type="button" class="quiet" onClick={() => void run(command)}>
      {t(`capture.${command}`)}
      <span class="sr"> {name}</span>
    </button>
  );
  if (!app.mayChange) return null;
  return (
    <div class="actions">
      {button(goes(values, row) ? 'stop' : 'again')}
      {isOwn(values, row) && button('delete')}
    </div>
  );
}
