"""A strict stand-in for WeChat, and a phone to chat with. Names nothing of the shop it talks to."""

from bot.simulator.book import PayRefusal, PayRefused, Refund, Trade
from bot.simulator.cashier import Cashier, Sheet
from bot.simulator.faults import Faults
from bot.simulator.people import BROKEN, Article, Received
from bot.simulator.phone import NotFollowing, Phone, WebPage
from bot.simulator.replies import BadReply
from bot.simulator.settings import NOTICE_DELAYS, Credentials, SimulatorKeys, SimulatorSettings
from bot.simulator.simulator import Simulator
from bot.simulator.stage import Call
from bot.simulator.transferbook import TransferBill
from bot.simulator.transfers import TransferDesk, TransferSheet

__all__ = [
    "BROKEN",
    "NOTICE_DELAYS",
    "Article",
    "BadReply",
    "Call",
    "Cashier",
    "Credentials",
    "Faults",
    "NotFollowing",
    "PayRefusal",
    "PayRefused",
    "Phone",
    "Received",
    "Refund",
    "Sheet",
    "Simulator",
    "SimulatorKeys",
    "SimulatorSettings",
    "Trade",
    "TransferBill",
    "TransferDesk",
    "TransferSheet",
    "WebPage",
]
