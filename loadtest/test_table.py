"""Tests of the arithmetic behind the published table: `python3 -m unittest discover loadtest`."""

import unittest

import table


def cell(target, name, refused=None, number=1, **figures):
    return {"round": number, "target": target, "cell": name, "refused": refused, "figures": figures}


class Table(unittest.TestCase):
    def test_medians_leave_refused_cells_out(self):
        cells = [cell("nginx", "miss-100", cpu_us=value) for value in (10.0, 30.0, 11.0)]
        cells.append(cell("nginx", "miss-100", refused="misses were hits", cpu_us=1.0))
        middle, refused = table.medians(cells)
        self.assertEqual(middle[("nginx", "miss-100")]["cpu_us"], 11.0)
        self.assertEqual(len(refused), 1)

    def test_added_is_through_minus_direct(self):
        middle, _ = table.medians([
            cell("direct", "open-1000", p50_us=100.0), cell("nginx", "open-1000", p50_us=250.0),
            cell("ringgate", "open-1000", p50_us=220.0),
        ])
        found = table.rows(table.add_deltas(middle), "ringgate")
        self.assertEqual([row["label"] for row in found], ["added p50, open loop, 1,000 RPS"])
        self.assertAlmostEqual(found[0]["ratio"], 0.8)
        self.assertEqual(found[0]["verdict"], "stretch met")

    def test_gates_know_their_direction(self):
        self.assertEqual(table.verdict(1.1, table.LESS, 1.25, 1.0), "held")
        self.assertEqual(table.verdict(1.3, table.LESS, 1.25, 1.0), "**missed**")
        self.assertEqual(table.verdict(1.1, table.MORE, 1.0, 1.2), "held")
        self.assertEqual(table.verdict(0.9, table.MORE, 1.0, 1.2), "**missed**")
        self.assertEqual(table.verdict(0.9, table.MORE, 1.0, 1.2, bounded=True), "open: limited by the generator")

    def test_ranges_are_of_ratios_within_a_round(self):
        cells = [
            cell("nginx", "miss-100", number=1, cpu_us=10.0), cell("ours", "miss-100", number=1, cpu_us=9.0),
            cell("nginx", "miss-100", number=2, cpu_us=20.0), cell("ours", "miss-100", number=2, cpu_us=22.0),
        ]
        spread = table.ranges(cells, "ours")
        self.assertEqual(spread, {"forwarded miss, CPU, 100 connections": (0.9, 1.1)})
        middle, _ = table.medians(cells)
        self.assertIn("| 1.03 | 0.90–1.10 | ≤ 1.25 (≤ 1) | held |", table.markdown(middle, "ours", spread))

    def test_a_rate_limited_by_the_generator_is_a_lower_bound(self):
        self.assertEqual(table.shown({"rps": 70000.0, "core_share": 0.6}, "rps"), "≥ 70,000")
        self.assertEqual(table.shown({"rps": 70000.0, "core_share": 0.95}, "rps"), "70,000")


if __name__ == "__main__":
    unittest.main()
