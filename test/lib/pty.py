"""pty.py ROWS COLUMNS PROGRAM [ARGUMENT...]: runs it on a terminal of its own, between the streams."""
import fcntl
import os
import select
import struct
import sys
import termios

# This file has the name of Python's own module, and its folder comes first in the search.
sys.path.pop(0)
import pty  # noqa: E402

rows, columns = int(sys.argv[1]), int(sys.argv[2])
pid, line = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvp(sys.argv[3], sys.argv[3:])
typed = 0
while True:
    ready, _, _ = select.select([line] + ([typed] if typed is not None else []), [], [])
    if typed in ready:
        data = os.read(typed, 4096)
        if data:
            os.write(line, data)
        else:
            typed = None
    if line in ready:
        try:
            data = os.read(line, 4096)
        except OSError:  # EIO: the program has ended
            data = b""
        if not data:
            break
        os.write(1, data)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
