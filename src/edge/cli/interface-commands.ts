/** interfaces: what could be captured, and what stands in the way. */
import type { Command } from 'commander';
import type { CaptureLink } from '../../os/ports-capture.ts';
import type { Json } from './bus.ts';
import { EXIT } from './environment.ts';
import type { Session } from './session.ts';
import { type Column, statusStyle } from './table.ts';

const COLUMNS: readonly Column<CaptureLink>[] = [
  { title: 'INTERFACE', cell: ({ name }) => name },
  { title: 'LINK', cell: ({ linkType }) => linkType },
  { title: 'KIND', cell: ({ kind }) => kind ?? '' },
  { title: 'STATE', cell: ({ state }) => state, style: ({ state }) => statusStyle(state) },
  { title: 'MAC', cell: ({ mac }) => mac ?? '' },
  { title: 'MTU', cell: ({ mtu }) => String(mtu) },
  { title: 'CAPTURE', cell: ({ permitted, reason }) => (permitted ? 'yes' : `no: ${reason}`) },
];

export function defineInterfaces(program: Command, session: Session): void {
  program
    .command('interfaces')
    .description('network interfaces of this machine, and whether packets may be captured there')
    .allowExcessArguments(false)
    .action(async () => {
      const links = await (await session.environment.capture()).links();
      if (!links.ok) return session.fail(links.error.message, EXIT.failed);
      if (session.json) return session.printJson(links.value as unknown as Json);
      session.print(COLUMNS, links.value);
      if (links.value.some(({ reason }) => reason === 'no CAP_NET_RAW')) {
        session.note(
          'packets are for root, or with CAP_NET_RAW: sudo gatehouse capture …, or let the router do it: gatehouse captures start',
        );
      }
    });
}
