/** reset-password: for when nobody can log in and the daemon does not run. */
import type { Session } from './session.ts';

export async function resetPassword(
  session: Session,
  name: string | undefined,
  stateDir: string,
): Promise<void> {
  const { environment } = session;
  if (await session.reachable()) {
    return session.fail(
      "the daemon runs: log in and change it, or use 'gatehouse diag' at the box itself",
    );
  }
  const typed = await environment.readSecret('New password: ');
  if (typed !== undefined && (await environment.readSecret('Once more: ')) !== typed) {
    return session.fail('these were two different passwords; nothing was changed');
  }
  const password = typed ?? (await environment.readStdin()).split(/\r?\n/, 1)[0] ?? '';
  const done = await environment.resetPassword(stateDir, name, password);
  if (!done.ok) for (const message of done.error) session.fail(message);
  else if (session.json) session.printJson({ username: done.value });
  else session.note(`${done.value} has a new password`);
}
