/** Questions to the DNS server that are no values of the model. */
import { type Signal, useSignal } from '@preact/signals';
import type { Answer } from '../../state/api.ts';
import { type App, useApp } from '../../state/app.ts';
import { useAnswer } from '../../ui/hooks.ts';

export const ask = <T>(app: App, command: string, args: object = {}): Promise<Answer<T>> =>
  app.api.post<T>(`/api/dns/${command}`, args);

/** The answer to one question, asked again when `again` is another. */
export function useAsked<T>(
  command: string,
  args: object,
  again: unknown,
): Signal<Answer<T> | undefined> {
  const app = useApp();
  const answer: Signal<Answer<T> | undefined> = useSignal(undefined);
  useAnswer(
    () => ask<T>(app, command, args),
    [command, JSON.stringify(args), again],
    (came) => (answer.value = came),
  );
  return answer;
}

/** Says a word; tells in a message that it was said, or why not. */
export async function say(
  app: App,
  command: string,
  args: object,
  said: string,
  undo?: () => void,
): Promise<boolean> {
  const answer = await ask(app, command, args);
  if (answer.ok) app.say(said, undo);
  else app.failed(answer.error);
  return answer.ok;
}
