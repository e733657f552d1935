/**
 * What is dear to look at, looked at once for all who read it in one go: a value holds until the turn
 * of the event loop that asked for it first gives way.
 */
export function perTurn<T>(look: () => T): () => T {
  let seen: { readonly value: T } | undefined;
  return () => {
    if (seen === undefined) {
      seen = { value: look() };
      queueMicrotask(() => {
        seen = undefined;
      });
    }
    return seen.value;
  };
}
