"""lma: labour market assessment for ministries. Pure Python; never imports Prefect."""

__version__ = "0.1.0"
