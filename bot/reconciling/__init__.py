"""Reconciliation: what we know of a day's money held against WeChat's bills of it."""

from bot.reconciling.compare import KnownTransfer
from bot.reconciling.report import Finding, Report, Verdict
from bot.reconciling.service import Reconciling

__all__ = ["Finding", "KnownTransfer", "Reconciling", "Report", "Verdict"]
