/** When something was granted, so that its end is known again after a restart or a reboot. */
export interface GrantStamp {
  /** The kernel's id of the boot. */
  readonly bootId: string;
  /** CLOCK_BOOTTIME and Unix time of the grant, in ms. */
  readonly bootMs: number;
  readonly wallMs: number;
}

/**
 * End of a grant of `lengthMs`, in CLOCK_BOOTTIME ms of the present boot. Within the boot it is exact
 * whatever the wall clock did. After a reboot the wall clock says how much is left, but never more
 * than the whole length counted from the reboot; an end that lies in the past may then be the fault
 * of a wrong clock, and `sure` is false.
 */
export function grantEnd(
  stamp: GrantStamp,
  lengthMs: number,
  now: GrantStamp,
): { readonly endMs: number; readonly sure: boolean } {
  if (lengthMs === Infinity) return { endMs: Infinity, sure: true };
  if (stamp.bootId === now.bootId) return { endMs: stamp.bootMs + lengthMs, sure: true };
  const leftMs = stamp.wallMs + lengthMs - now.wallMs;
  const endMs = Math.min(lengthMs, now.bootMs + leftMs);
  return { endMs, sure: endMs > now.bootMs };
}
