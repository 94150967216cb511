"""The retinal phantom: one hidden eye, two pictures of it. Nothing is re-exported; `docs/phantom.md` is the guide.

Anatomy comes first (`anatomy`, `surfaces`, `vessels`, `disc`, `lesions`, `choroid`), two renderers share it
(`oct_renderer`, `fundus_renderer`), and `cohort.write_cohort` writes a dataset folder from them.
"""
