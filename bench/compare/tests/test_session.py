import unittest

import fakes
import process
import session
from fakes import make_session, peer, sley, switch_peer, switch_sley


def run(made):
    blocks = []
    made.run(blocks.append)
    return {(r.peer, r.workers): r for r in made.results}, blocks


class Rounds(unittest.TestCase):
    def test_the_first_round_is_discarded_and_all_take_turns(self):
        machine = fakes.Machine({"sley-bench": switch_sley([900, 10, 12, 11]),
                                 "go": switch_peer([900, 50, 40, 45])})
        found, blocks = run(make_session(machine, [sley(), peer("go")], rounds=3))
        self.assertEqual(found["sley", 1].values, [10, 12, 11])
        self.assertEqual(found["go", 1].values, [50, 40, 45])
        self.assertAlmostEqual(found["go", 1].ratio, 45 / 11)
        self.assertEqual(found["sley", 1].ratio, 1.0)
        self.assertEqual(len(blocks), 1)
        names = [name for name, _, _ in machine.calls]
        for turn in range(4):  # nobody runs twice before all have run once
            self.assertEqual(set(names[2 * turn: 2 * turn + 2]), {"sley-bench", "go"})

    def test_workers_and_rows_are_blocks_of_their_own(self):
        machine = fakes.Machine({"sley-bench": switch_sley([1] * 2), "go": switch_peer([2] * 2)})
        found, blocks = run(make_session(machine, [sley(), peer("go")], workers=(1, 2), rounds=1))
        self.assertEqual(set(found), {("sley", 1), ("sley", 2), ("go", 1), ("go", 2)})
        self.assertEqual(len(blocks), 2)

    def test_limits_are_measured_once(self):
        made = make_session(fakes.Machine({}), [], benches=("limits", "switch"), workers=(1, 2))
        self.assertEqual(made.blocks, [("limits", 1), ("switch", 1), ("switch", 2)])

    def test_cpus(self):
        machine = fakes.Machine({"sley-bench": switch_sley([1] * 2, wall=2.0)})
        found, _ = run(make_session(machine, [sley()], rounds=1))
        self.assertAlmostEqual(found["sley", 1].cpus, 0.5)
        self.assertAlmostEqual(found["sley", 1].others, 0.0)


class Failures(unittest.TestCase):
    def with_peer(self, behaviour, rounds=2):
        machine = fakes.Machine({"sley-bench": switch_sley([1] * 9), "bad": behaviour,
                                 "good": switch_peer([3] * 9)})
        made = make_session(machine, [sley(), peer("bad"), peer("good")], rounds=rounds)
        found, _ = run(made)
        self.assertEqual(found["good", 1].values, [3] * rounds)
        self.assertNotIn(("bad", 1), found)
        self.calls = [name for name, _, _ in machine.calls].count("bad")
        return made

    def test_each_is_one_line_and_the_rest_goes_on(self):
        crash = process.Run(problem="killed by signal 11 (SIGSEGV)", wall=1)
        for behaviour, about in ((lambda call, workers: crash, "SIGSEGV"),
                                 (switch_peer([1] * 9, check=7), "check is 7"),
                                 (lambda call, workers: ("what is this\n", 1), "garbage"),
                                 (lambda call, workers: ("", 1e9), "no result")):
            made = self.with_peer(behaviour)
            self.assertEqual(len(made.failures), 1)
            self.assertRegex(made.failures[0], "^bad: switch, 1 worker: .*" + about)
            self.assertEqual(self.calls, 1)

    def test_a_crash_in_the_last_round_costs_all_its_figures(self):
        good = switch_peer([3] * 9)
        made = self.with_peer(lambda call, workers: good(call, workers) if call < 3 else
                              process.Run(problem="exit status 1", wall=1))
        self.assertEqual(made.failures, ["bad: switch, 1 worker: exit status 1"])

    def test_a_refusal_is_no_failure(self):
        refusal = process.Run(problem="bad: switch: has no yield", refused=True)
        made = self.with_peer(lambda call, workers: refusal)
        self.assertEqual((made.failures, made.notes), ([], ["bad: switch, 1 worker: has no yield"]))

    def test_without_sley_there_is_no_ratio(self):
        machine = fakes.Machine({"sley-bench": lambda call, workers: ("oops\n", 1),
                                 "go": switch_peer([2] * 9)})
        found, _ = run(make_session(machine, [sley(), peer("go")], rounds=1))
        self.assertIsNone(found["go", 1].ratio)
        self.assertEqual(found["go", 1].entry()["ratio"], None)


class Time(unittest.TestCase):
    def quick(self, walls, workers=(1,), benches=("switch",), limit=100):
        behaviour = {name: quick_switch(wall) for name, wall in walls.items()}
        behaviour["sley-bench"] = switch_sley([1] * 9)
        machine = fakes.Machine(behaviour)
        made = make_session(machine, [sley(benches)] + [peer(name, benches) for name in walls],
                            benches, workers, quick=True, rounds=3, timeout=20, limit=limit)
        found, _ = run(made)
        return made, found, machine.clock.now

    def test_the_slow_one_gets_fewer_rounds_and_it_is_said(self):
        made, found, took = self.quick({"fast": 2.0, "slow": 19.0}, limit=80)
        self.assertEqual(len(found["fast", 1].values), 3)
        self.assertIn(len(found["slow", 1].values), (1, 2))
        self.assertRegex(" ".join(made.notes), "slow: switch, 1 worker: [12] of 3 rounds")
        self.assertEqual(made.failures, [])
        self.assertLessEqual(took, 80)

    def test_a_slow_one_that_becomes_slower_takes_nobodys_round(self):
        def slower(call, workers):
            return quick_switch(5.0 if call == 1 else 25.0)(call, workers)
        machine = fakes.Machine({"sley-bench": switch_sley([1] * 9), "slow": slower,
                                 "fast": quick_switch(1.0)})
        made = make_session(machine, [peer("slow"), sley(), peer("fast")], quick=True, rounds=3,
                            timeout=30, limit=32)
        found, _ = run(made)
        self.assertEqual(len(found["fast", 1].values), 3)
        self.assertEqual(len(found["sley", 1].values), 3)

    def test_hangs_leave_time_for_the_others(self):
        _, found, took = self.quick({"a": 1e9, "b": 1e9, "c": 1e9, "fast": 1.0}, limit=105)
        self.assertEqual(len(found["fast", 1].values), 3)
        self.assertEqual(len(found["sley", 1].values), 3)
        self.assertLessEqual(took, 105)

    def test_it_ends_in_time_whatever_happens(self):
        slow = {f"p{i}": 19.0 for i in range(9)}
        for workers in ((1,), (1, 2)):
            made, _, took = self.quick(slow, workers, limit=60)
            self.assertLessEqual(took, 61)
            self.assertEqual(made.failures, [])
            self.assertRegex(" ".join(made.notes), "left out")

    def test_one_row_cannot_take_more_than_its_share(self):
        _, _, took = self.quick({f"p{i}": 15.0 for i in range(20)}, limit=10_000)
        self.assertLessEqual(took, session.ROW_LIMIT + 1)

    def test_a_hang_is_a_failure_where_there_was_time_enough(self):
        made, _, _ = self.quick({"stuck": 1e9}, limit=100)
        self.assertRegex(made.failures[0], "^stuck: switch, 1 worker: no result")

    def test_the_estimate_learns(self):
        made, _, _ = self.quick({"fast": 2.0})
        made.blocks = [("switch", 1)]
        made.end = None
        self.assertAlmostEqual(made.expected(), (1 + 2) * 4)


def quick_switch(wall):
    return lambda call, workers: (f"ns_per_switch 5\ncheck {workers * 1_000_000}\n", wall)


class Interruption(unittest.TestCase):
    def test_what_is_complete_stays(self):
        def interrupted(call, workers):
            if workers == 2:
                raise KeyboardInterrupt
            return switch_sley([1] * 9)(call, workers)
        machine = fakes.Machine({"sley-bench": interrupted})
        made = make_session(machine, [sley()], workers=(1, 2), rounds=2)
        with self.assertRaises(KeyboardInterrupt):
            made.run(lambda results: None)
        self.assertEqual([(r.workers, r.values) for r in made.results], [(1, [1, 1])])


if __name__ == "__main__":
    unittest.main()
