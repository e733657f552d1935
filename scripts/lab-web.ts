/**
 * The web server behind the lab's ISP: answers with the address that the request came from, so that
 * NAT can be seen. `node scripts/lab-web.ts HOST PORT`
 */
import { createServer } from 'node:http';

const [host, port] = process.argv.slice(2);
const server = createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.end(`hello ${request.socket.remoteAddress}\n`);
});
server.listen({ host, port: Number(port) });
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    server.closeAllConnections();
    server.close();
  });
