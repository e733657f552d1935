/** Pours bytes out for GET, and swallows what is posted; prints `ready`, ends with its input. Its argument: the address. */
import { createServer } from 'node:http';

const PIECE = Buffer.alloc(65_536, 1);

const server = createServer((request, response) => {
  request.on('error', () => {});
  if (request.url === '/elsewhere') {
    response.writeHead(302, { location: '/file' }).end();
  } else if (request.method === 'POST') {
    request.resume();
    request.on('end', () => response.end());
  } else if (request.url === '/file') {
    const push = (): void => {
      while (!response.destroyed && response.write(PIECE));
    };
    response.on('drain', push);
    push();
  } else response.writeHead(404).end();
});
server.listen(80, process.argv[2], () => process.stdout.write('ready\n'));
process.stdin.resume().on('end', () => process.exit());
