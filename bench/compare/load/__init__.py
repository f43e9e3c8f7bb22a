"""`./run load`: sley-fetch beside other downloaders under load, and what becomes of files when
something breaks.

Read shapes.py (what is downloaded), site.py (the servers), job.py (one download, measured and
checked), line.py and faults.py (what breaks, and what is looked at then), __main__.py. The rounds,
the statistics, the table and the plots are those of `./run bench`.
"""
