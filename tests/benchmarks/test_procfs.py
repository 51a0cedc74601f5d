import os
import subprocess
import sys

from benchmarks import procfs


def test_numbers_of_a_stat_line_with_an_odd_command_name():
    fields = procfs.stat_fields("12 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 110 120 130 140 20 0 1 0\n")
    assert fields[11:15] == [110, 120, 130, 140]


def test_a_tree_holds_children_until_they_end():
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        assert set(procfs.tree(os.getpid())) >= {os.getpid(), child.pid}
        assert procfs.rss_mb([child.pid]) > 1
        assert procfs.descriptors(child.pid) >= 3
        child.communicate(b"\n")
    assert procfs.tree(child.pid) == []
    assert procfs.rss_mb([child.pid]) == procfs.descriptors(child.pid) == 0


def test_cpu_of_ended_children_is_counted_where_asked():
    before = procfs.cpu(os.getpid(), reaped=True)
    burn = "import time\nwhile time.process_time() < 0.1: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert (procfs.cpu(os.getpid(), reaped=True) - before).total > 0.08
