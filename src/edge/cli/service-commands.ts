/** status, services, call: the router as a whole and its services. */
import { parseJsonObject } from './arguments.ts';
import type { JsonObject } from './bus.ts';
import { render } from './data.ts';
import { EXIT } from './environment.ts';
import type { Session } from './session.ts';

export async function overview(session: Session, what: 'status' | 'services'): Promise<void> {
  await session.withRouter(async (router) => {
    const answer = await router[what]();
    if (!answer.ok) session.fail(answer.error.message);
    else if (session.json) session.printJson(answer.value);
    else session.data(render(answer.value, session.paint));
  });
}

export async function call(
  session: Session,
  service: string,
  command: string,
  input: string | undefined,
): Promise<void> {
  let args: JsonObject = {};
  if (input !== undefined) {
    const parsed = parseJsonObject(input === '-' ? await session.environment.readStdin() : input);
    if (!parsed.ok) return session.fail(`arguments: ${parsed.error.message}`, EXIT.usage);
    args = parsed.value;
  }
  await session.withRouter(async (router) => {
    const answer = await session.unlessInterrupted(router.command(service, command, args));
    if (answer === undefined) return;
    if (!answer.ok) return session.fail(answer.error.message);
    const { status, message, data } = answer.value;
    if (session.json) session.printJson({ status, message, data });
    else if (data !== null) session.data(render(data, session.paint));
    if (status !== 'success') session.fail(message ?? `${service} ${command} failed`);
    else if (message !== null) session.note(message);
  });
}
