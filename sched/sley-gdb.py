"""gdb commands for programs that use sley, alive or as a core dump.

    (gdb) source sley-gdb.py
    (gdb) sley-tasks              every task: number, name, state, what it waits for, where spawned
    (gdb) sley-backtrace 42       the stack of parked task number 42; if it is parked in a generator,
                                  that one's first, then the stack it was asked from, and so on

The commands walk the slabs of tasks, which stay where they are as long as the runtime lives, so
nothing in the program has to run. They need sley's debug information (build type RelWithDebInfo or
Debug). The backtrace of a parked task lets gdb unwind from the registers that its switch has left
on its stack, by way of an unwinder that stands in for the innermost frame of the selected thread.
"""
import gdb
from gdb.unwinder import Unwinder

STATES = ["free", "new", "running", "waiting", "ready", "done"]
STATE_MASK = 7
# Where the assembly keeps what a switch saves, relative to the saved stack pointer.
SAVED = {
    "i386:x86-64": (["r15", "r14", "r13", "r12", "rbx", "rbp"], "rip", "rsp"),
}


def runtimes():
    runtime = gdb.parse_and_eval("sley__runtimes")
    while runtime:
        yield runtime.dereference()
        runtime = runtime["next"]


def tasks():
    """Every task that has been spawned and not been freed."""
    for runtime in runtimes():
        slab = runtime["sched"]["tasks"]["slabs"]
        while slab:
            for index in range(int(slab["count"])):
                task = slab["tasks"][index]
                if int(task["word"]) & STATE_MASK and task["site"]:
                    yield task
            slab = slab["older"]


def text(pointer):
    return pointer.string(errors="replace") if pointer else ""


def describe(task):
    name = text(task["site"])
    site = text(task["site"] + len(name) + 1)
    if task["labelled"]:
        name = task["label"].string(errors="replace")
    state = STATES[int(task["word"]) & STATE_MASK]
    if state == "running" and task["context"]["saved"]:
        state = "ready"
    if state == "waiting":
        state += ": " + text(task["what"])
    return '%d "%s" %s, spawned at %s' % (int(task["id"]), name, state, site)


class Tasks(gdb.Command):
    """List the tasks of every sley runtime."""

    def __init__(self):
        super().__init__("sley-tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        for task in tasks():
            print(describe(task))


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class ParkedUnwinder(Unwinder):
    """While `stack` is set, the frame above the innermost one is that of a parked task."""

    def __init__(self):
        super().__init__("sley parked task")
        self.stack = None

    def __call__(self, pending):
        if self.stack is None:
            return None
        names, pc, sp = SAVED[pending.architecture().name()]
        word = gdb.lookup_type("unsigned long").pointer()
        saved = gdb.Value(self.stack).cast(word)
        info = pending.create_unwind_info(
            FrameId(pending.read_register(sp), pending.read_register(pc)))
        for index, name in enumerate(names):
            info.add_saved_register(name, saved[index])
        info.add_saved_register(pc, saved[len(names)])
        # The frame and the red zone below the function that was suspended.
        info.add_saved_register(sp, gdb.Value(self.stack + 8 * (len(names) + 1) + 128))
        self.stack = None  # only for the innermost frame
        return info


UNWINDER = ParkedUnwinder()
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)


class Backtrace(gdb.Command):
    """Print the stack of a parked sley task: sley-backtrace NUMBER."""

    def __init__(self):
        super().__init__("sley-backtrace", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        number = int(argument)
        found = [task for task in tasks() if int(task["id"]) == number]
        if not found:
            raise gdb.GdbError("there is no task %d: see sley-tasks" % number)
        print(describe(found[0]))
        stack = int(found[0]["context"]["saved"])
        flow = found[0]["flow"]
        if not stack:
            raise gdb.GdbError("it is not parked: see the threads' own stacks")
        if gdb.selected_frame().architecture().name() not in SAVED:
            raise gdb.GdbError("only x86-64 stacks can be unwound so far")
        self.unwind(stack)
        while flow:
            print('in generator "%s", entered from' % text(flow["site"]))
            self.unwind(int(flow["outer"]["saved"]))
            flow = flow["outside"]

    @staticmethod
    def unwind(stack):
        UNWINDER.stack = stack
        gdb.invalidate_cached_frames()
        try:
            print("\n".join(gdb.execute("backtrace", to_string=True).split("\n")[1:]))
        finally:
            UNWINDER.stack = None
            gdb.invalidate_cached_frames()


Tasks()
Backtrace()
