/** The outcome of work on input that may be wrong or on a system that may refuse. Bugs throw; these do not. */
export type Result<T, E = DecodeError> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });

export const err = <E>(error: E): { readonly ok: false; readonly error: E } => ({
  ok: false,
  error,
});

/** Why untrusted bytes or text were refused: what, in which field, at which offset of the input. */
export interface DecodeError {
  readonly kind: 'decode';
  readonly message: string;
  readonly field: string;
  readonly offset: number;
}

export const decodeError = (
  message: string,
  field: string,
  offset: number,
): { readonly ok: false; readonly error: DecodeError } =>
  err({ kind: 'decode', message, field, offset });
