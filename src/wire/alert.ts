/** The words of a notice: as channels, the store and the model have them. */

export const SEVERITIES = ['Info', 'Warning', 'Critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/**
 * Target: one of the monitor answers no more; TargetLossy: or answers in part. Link: an interface that
 * was up goes down. Lease: a DHCP client has none. NewDevice: one was never
 * seen before; AddressConflict: an address is in the wrong hands, which are told once and are nothing
 * that could end.
 */
export const WATCHES = [
  'Target',
  'TargetLossy',
  'Link',
  'Lease',
  'NewDevice',
  'AddressConflict',
] as const;
export type Watch = (typeof WATCHES)[number];

/** What the bus is told; `flapping`: it comes and goes, and is not told again until it is `steady`. */
export const TOLD_KINDS = ['raised', 'cleared', 'flapping', 'steady', 'event'] as const;
export const KINDS = [...TOLD_KINDS, 'test'] as const;
