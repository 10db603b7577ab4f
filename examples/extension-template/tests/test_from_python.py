"""The library as Python sees it: installed from its wheel."""

import unittest

import my_library


class CounterTest(unittest.TestCase):
    def test_counts(self):
        counter = my_library.Counter(5)
        self.assertEqual(counter.add(2), 7)
        self.assertEqual(counter.value, 7)
        with self.assertRaisesRegex(ValueError, "a counter only grows, got -1"):
            counter.add(-1)

    def test_calls_back(self):
        counter = my_library.count(10, lambda number: number % 2 == 0)
        self.assertIs(type(counter), my_library.Counter)
        self.assertEqual(counter.value, 5)

        def failing(number):
            raise KeyError(number)

        with self.assertRaises(KeyError):
            my_library.count(1, failing)


if __name__ == "__main__":
    unittest.main()
