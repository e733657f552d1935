/** audit verify, audit show: they read the trail's files and need no daemon. */
import { type AuditRecord, parseRecord, type Verdict, verify } from '../../base/audit.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Json } from './bus.ts';
import type { Session } from './session.ts';
import type { Column } from './table.ts';

export function auditVerify(session: Session, stateDir: string): void {
  guarded(session, () => {
    let verdict = check(session, stateDir);
    // The daemon may have rotated the files while they were read.
    if (!verdict.whole) verdict = check(session, stateDir);
    if (session.json)
      session.printJson(verdict.whole ? { ...verdict, head: { ...verdict.head } } : { ...verdict });
    if (!verdict.whole) {
      session.fail(
        `the audit trail is broken at ${verdict.file} line ${verdict.line}: ${verdict.reason}`,
      );
    } else if (!session.json) {
      const { records, firstSeq, head } = verdict;
      session.data(
        records === 0
          ? 'whole: no records yet\n'
          : `whole: ${records} records, ${firstSeq} to ${head.seq}, head ${head.hash}\n`,
      );
    }
  });
}

const check = (session: Session, stateDir: string): Verdict =>
  verify(session.environment.auditFiles(stateDir), session.environment.sha256);

const COLUMNS: readonly Column<AuditRecord>[] = [
  { title: 'TIME', cell: ({ time }) => time, style: () => 'dim' },
  { title: 'WHO', cell: who },
  {
    title: 'WHAT',
    cell: ({ action }) => action,
    style: ({ action }) => (isMark(action) ? 'yellow' : 'cyan'),
  },
  { title: 'PATH', cell: (record) => ('path' in record ? record.path : '') },
  { title: 'CHANGE', cell: changeOf },
];

const isMark = (action: AuditRecord['action']): boolean =>
  action === 'file' || action === 'torn' || action === 'broken';

function who(record: AuditRecord): string {
  if (!('user' in record)) return '';
  const { user, uid, via, address } = record;
  const name = uid === undefined || String(uid) === user ? user : `${user} (${uid})`;
  return `${name} by ${via}${address === undefined ? '' : ` from ${address}`}`;
}

function changeOf(record: AuditRecord): string {
  switch (record.action) {
    case 'file':
      return 'a new file begins';
    case 'torn':
      return `a line of ${record.sizeBytes} bytes was cut off by a crash`;
    case 'broken':
      return record.reason;
    default: {
      const [before, after] = [record.old, record.new];
      if (before === undefined && after === undefined) return '';
      return `${before ?? '–'} → ${after ?? '–'}`;
    }
  }
}

export function auditShow(
  session: Session,
  stateDir: string,
  options: { readonly last: number | undefined },
): void {
  guarded(session, () => {
    const records: AuditRecord[] = [];
    for (const { name, lines } of session.environment.auditFiles(stateDir)) {
      let number = 0;
      for (const line of lines) {
        number++;
        const record = parseRecord(line);
        if (record.ok) records.push(record.value);
        else session.fail(`${name} line ${number}: ${record.error.message}`);
      }
    }
    const wanted = options.last === undefined ? records : records.slice(-options.last);
    if (session.json) session.printJson(wanted.map((record): Json => ({ ...record })));
    else if (wanted.length === 0) session.note('no records yet');
    else session.print(COLUMNS, wanted);
  });
}

/** Files that cannot be read are a failure with a message, not a stack. */
function guarded(session: Session, work: () => void): void {
  try {
    work();
  } catch (error) {
    session.fail(errorMessage(error));
  }
}
