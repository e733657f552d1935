/**
 * Boots the image in QEMU: `node scripts/image/run.ts ARCH`. The console is here (Ctrl-A X ends it);
 * the WAN is QEMU's own network, and 127.0.0.1:8443 is the page on the LAN. What is changed stays in
 * build/image/run-ARCH.qcow2 until that is removed.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createOverlay, qemuCommand } from './emulator.ts';
import { BUILD, fail, parseArch, say } from './layout.ts';

const arch = parseArch(process.argv[2]);
const image = join(BUILD, `gatehouse-${arch}.img`);
if (!existsSync(image)) fail(`no image: make image ARCH=${arch}`);
const disk = join(BUILD, `run-${arch}.qcow2`);
if (!existsSync(disk)) createOverlay(image, disk);
const [program, ...args] = qemuCommand(arch, {
  disk,
  networks: [
    'user,id=wan',
    // The box is 192.168.1.1 on its LAN; QEMU stands beside it and leads to it.
    'user,id=lan,net=192.168.1.0/24,host=192.168.1.2,dhcpstart=192.168.1.250,restrict=on,hostfwd=tcp:127.0.0.1:8443-192.168.1.1:443',
  ],
});
say('the page: https://127.0.0.1:8443; Ctrl-A X ends the box');
const child = spawn(program ?? '', [...args, '-nographic'], { stdio: 'inherit' });
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
