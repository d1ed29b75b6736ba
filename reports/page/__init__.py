"""The parts of the page that ``-f html`` writes: amounts, charts and tables as plain values, and the files that draw them."""
