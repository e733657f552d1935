/** Places of lists in the compiled file: masks of groups name them by number. */

/**
 * Each stays where it was, and new ones take what is free: between the engine's new file and its new
 * masks no list is taken for another. Undefined is a place that is free.
 */
export function placed<T>(
  before: readonly string[],
  now: readonly T[],
  idOf: (one: T) => string,
): readonly (T | undefined)[] {
  const byId = new Map(now.map((one) => [idOf(one), one]));
  const places = before.map((id) => {
    const stays = byId.get(id);
    byId.delete(id);
    return stays;
  });
  for (const one of byId.values()) {
    const free = places.indexOf(undefined);
    if (free < 0) places.push(one);
    else places[free] = one;
  }
  while (places.length > 0 && places.at(-1) === undefined) places.pop();
  return places;
}
