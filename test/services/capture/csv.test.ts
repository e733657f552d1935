import t from 'tap';
import { CSV_TABLES, csvAll, csvTable } from '#src/services/capture/csv.ts';
import { REPORT } from './report.ts';

const whole = (pieces: Iterable<string>): string => [...pieces].join('');

t.test('a table has a head, and every cell its place', async (t) => {
  t.equal(
    whole(csvTable(REPORT, 'endpoints')),
    [
      'address,family,name,packets,bytes,sentPackets,sentBytes,receivedPackets,receivedBytes,missedPackets,missedBytes',
      '10.0.0.1,ipv4,"a,""b"" <c>",30,3000,10,1000,20,2000,,',
      '10.0.0.2,ipv4,,30,3000,20,2000,10,1000,3,300',
      '',
    ].join('\r\n'),
  );
  t.equal(
    whole(csvTable(REPORT, 'bandwidth')),
    'startSec,seconds,packets,bytes\r\n1700000000,1,10,1000\r\n1700000001,1,0,0\r\n1700000002,1,20,2000\r\n',
  );
});

t.test('the columns of a table are the same whatever is in it', async (t) => {
  const EMPTY = {
    ...REPORT,
    protocols: [],
    endpoints: [],
    conversations: [],
    flows: [],
    names: [],
  };
  for (const name of CSV_TABLES) {
    const [full, empty] = [REPORT, EMPTY].map(
      (report) => whole(csvTable(report, name)).split('\r\n')[0],
    );
    t.not(full, '', name);
    t.equal(empty, full, name);
  }
});

t.test('a large report is never one text: it would be more than the heap holds', async (t) => {
  const [endpoint] = REPORT.endpoints;
  const many = { ...REPORT, endpoints: Array.from({ length: 10_000 }, () => ({ ...endpoint })) };
  const sizes = Array.from(csvAll(many as typeof REPORT), ({ length }) => length);
  t.ok(sizes.length > 10);
  t.ok(sizes.every((size) => size < 70_000));
});

t.test('all tables in one file', async (t) => {
  const lines = whole(csvAll(REPORT)).split('\r\n');
  t.equal(lines[0], 'table,row,column,value');
  t.ok(lines.includes('summary,1,packets,30'));
  t.ok(lines.includes('endpoints,2,missedBytes,300'));
  t.ok(lines.includes('endpoints,1,name,"a,""b"" <c>"'));
  for (const name of CSV_TABLES)
    t.ok(
      lines.some((line) => line.startsWith(`${name},`)),
      name,
    );
});
