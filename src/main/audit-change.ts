import type { AuditChange } from '../base/audit.ts';
import type { AuditEntry } from '../tr181/writer.ts';

/** A change of the model as the audit trail has it. */
export const auditChange = ({
  origin,
  op,
  path,
  old,
  new: now,
  outcome,
}: AuditEntry): AuditChange => ({
  action: op,
  ...origin,
  path,
  ...(old === undefined ? {} : { old }),
  ...(now === undefined ? {} : { new: now }),
  ...(outcome === 'failed' ? { outcome } : {}),
});
