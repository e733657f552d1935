import type { AuditChange } from '../base/audit.ts';
import type { LoginRecord } from '../edge/http/faces.ts';

/** A log-in as the audit trail has it. */
export const loginChange = (
  via: 'http' | 'console',
  { user, address, path, outcome }: LoginRecord,
): AuditChange => ({
  ...{ action: 'login', user, via, address, path },
  ...(outcome === 'failed' ? { outcome } : {}),
});
