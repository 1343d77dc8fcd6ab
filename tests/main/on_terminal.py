"""Runs a program on a pseudo-terminal of a given width, answers its prompts, after running the shell command BEFORE_ANSWER, and writes what it said."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

columns, answer, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
    os.execvp(command[0], command)
said = b""
asked = False
while True:
    try:
        chunk = os.read(terminal, 65536)
    except OSError:  # Linux: the other side is closed
        break
    if not chunk:
        break
    said += chunk
    if not asked and b"[y/N]" in said:
        asked = True
        if "BEFORE_ANSWER" in os.environ:
            subprocess.run(os.environ["BEFORE_ANSWER"], shell=True, check=True, stdout=subprocess.DEVNULL)
        os.write(terminal, answer.encode() + b"\n")
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(status))
